#!/usr/bin/python3 -I
"""Starts @MODULE@, a stand-in of the lab, which lies below @HOME@."""

import runpy
import sys

# A program that root starts leaves no file beside those of its package.
sys.dont_write_bytecode = True
sys.path.insert(0, "@HOME@")
runpy.run_module("@MODULE@", run_name="__main__", alter_sys=True)
