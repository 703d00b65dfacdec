"""Stands for bbb-conf: its side effects, their order, and its exit codes.

Known from bigbluebutton's bigbluebutton-config/bin/bbb-conf of 3.0, #21689 (nginx), #16347 and
#16448 (apply-config.sh). Not played: --set-port-range, --zip, --debug, --watch, --network.

BBB_STANDIN_ROOT: where the host's files are, `/` by default
BBB_STANDIN_TRIES: how often --check asks the API, 80 by default, a second apart
"""
