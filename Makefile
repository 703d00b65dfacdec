# make demo, make test: everything else is a part of these two.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
# So that what takes long shows how far it is in a file or a pipe too.
export PYTHONUNBUFFERED := 1
.PHONY: demo test fmt dashboards unit pages boxes test-lab bench scale restore-drill lab-up lab-down lab-status vpn-config map oncall venv packages help

VENV := .venv
PYTHON := $(VENV)/bin/python
# None: those that the vision board needs.
HOSTS :=

help:
	@echo "make demo                 the whole thing on this machine: lab, one run, what now works"
	@echo "make test                 unit tests, pages, and the core of the lab tests"
	@echo "make fmt                  format the code"
	@echo "make unit                 the quick tests: two or three minutes, no root"
	@echo "make pages                the pages that need no lab, followed word by word"
	@echo "make test-lab [PART=...]  all lab tests of a part (a marker in pyproject.toml), or of all"
	@echo "make vpn-config PERSON=.. that person's WireGuard configuration; with KEY=FILE, a QR code too"
	@echo "make map                  the fleet as a picture, docs/map.svg, from the data"
	@echo "make dashboards           dashboards for Grafana, into docs/dashboards"
	@echo "make oncall [ICS=DIR]     who is on call now and next; the year's gaps and overlaps; calendars"
	@echo "make bench                remote commands a host of a run with no change; how fast copies are"
	@echo "make scale [CLIENTS=..]   what a run takes on fleets of up to 204 hosts that are simulated"
	@echo "make restore-drill        restore each copy off-site on trial, now"
	@echo "make lab-up [HOSTS=...]   lab-down   lab-status"

# A file of its own, so that an interrupted installation is not taken for a finished one.
$(VENV)/complete: requirements.txt
	@echo "==> Python environment" >&2
	@test ! -L $(VENV) || { echo "$(VENV) is a link, and what it leads to would be made anew: take it away"; exit 1; }
	@python3 -m venv --clear $(VENV) || { echo "install python3-venv first: apt install python3-venv"; exit 1; }
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

venv: $(VENV)/complete

packages:
	@lab/install

fmt: venv
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

unit: venv
	@lab/unpack $(VENV)/debian prometheus prometheus-alertmanager
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy .
	@$(VENV)/bin/mypy --python-version 3.10 programs
	@$(PYTHON) -m pytest tests/unit

# make -s vpn-config PERSON=ops-hypha-1 > coop.conf
INVENTORY ?= inventories/coop.yml
vpn-config: venv
	@$(PYTHON) -m controller.vpn_config "$(INVENTORY)" "$(PERSON)" "$(HUB)" "$(KEY)"

# ADDRESSES=yes shows the addresses of the hosts too, in a file that git ignores.
MAP ?= $(if $(ADDRESSES),reports/map.svg,docs/map.svg)
map: venv
	@$(PYTHON) -m controller.map "$(INVENTORY)" "$(MAP)" $(ADDRESSES)

DIR ?= docs/dashboards
dashboards: venv
	@$(PYTHON) -m controller.dashboards "$(DIR)"

ICS ?=
oncall: venv
	@$(PYTHON) -m controller.oncall "$(INVENTORY)" "$(ICS)"

# Of the lab: lab/enter make restore-drill FLEET=inventories/lab.py
FLEET ?= inventories/prod.py
restore-drill: venv
	@$(VENV)/bin/pyinfra $(FLEET) restore_drill.py -y --limit offsite

lab-up: packages venv
	@lab/up $(HOSTS)

lab-down:
	@lab/down

lab-status:
	@lab/status

demo: packages venv
	@lab/up $(HOSTS)
	@lab/enter $(VENV)/bin/pyinfra inventories/lab.py deploy.py -y
	@lab/enter $(PYTHON) -m lab.show

# Pages that need no lab, followed word by word.
pages: venv
	@$(PYTHON) -m pytest tests/pages

# Lines of their own: within the words of another command, their failure would go unnoticed.
# The part kernel is what has to be seen on a kernel of a host's own.
define lab_tests
$(if $(filter kernel,$(1)),export LAB=machines)
$(if $(filter-out monitoring,$(1)),,lab/install chromium chromium-driver)
machines=$$($(PYTHON) -m tests.lab.machines_of $(1))
lab/up $$machines
lab/enter $(PYTHON) -m pytest tests/lab $(if $(1),-m $(1))
endef

# The boxes, because making them is mostly waiting for the mirror: the tests go on meanwhile.
boxes: venv
	@machines=$$($(PYTHON) -m tests.lab.machines_of core)
	@lab/boxes $$machines

# Two at a time, as tests that measure seconds need a processor.
test: packages venv
	@$(MAKE) --no-print-directory --jobs=2 boxes unit pages
	@$(call lab_tests,core)

PART ?=
test-lab: packages venv
	@$(call lab_tests,$(PART))
	@$(if $(PART),,$(call lab_tests,kernel))

# Limited, as more of the lab may be up.
bench: packages venv
	@machines=$$($(PYTHON) -m tests.lab.machines_of offsite)
	@lab/up $$machines
	@limit=$$(printf -- '--limit %s ' $$machines)
	@lab/enter $(VENV)/bin/pyinfra inventories/lab.py deploy.py -y $$limit
	@lab/enter $(PYTHON) -m tests.bench $$limit
	@lab/enter $(PYTHON) -m tests.bench_copies

# CLIENTS="1 10" for a quick look, PEOPLE=200 to see what people cost.
CLIENTS ?=
PEOPLE ?= 5
scale: venv
	@tests/scale/alone $(PYTHON) -m tests.scale --people $(PEOPLE) $(CLIENTS)
