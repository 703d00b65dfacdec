"""Alertmanager's own code is asked, quarter by quarter, whom it would call."""

from datetime import UTC, datetime, timedelta

import pytest
import yaml

from fleet.derived.intervals import horizon, intervals, uncovered
from fleet.derived.oncall import cover
from fleet.oncall import OnCall
from lab.machines import ROOT
from tests.lab.fleets import MonitoredFleet

pytestmark = pytest.mark.monitoring

QUARTER = timedelta(minutes=15)
# Debian's package of Alertmanager's source: the same as of its binary.
GO = "golang-go golang-github-prometheus-alertmanager-dev golang-gopkg-yaml.v2-dev"
# For each quarter a line with a 1 or 0 for each name, in their order.
JUDGE = """\
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/alertmanager/timeinterval"
	"gopkg.in/yaml.v2"
)

type named struct {
	Name  string                      `yaml:"name"`
	Times []timeinterval.TimeInterval `yaml:"time_intervals"`
}

func main() {
	var all []named
	if err := yaml.NewDecoder(os.Stdin).Decode(&all); err != nil {
		panic(err)
	}
	begin, _ := strconv.ParseInt(os.Args[1], 10, 64)
	end, _ := strconv.ParseInt(os.Args[2], 10, 64)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for now := begin; now < end; now += 900 {
		for _, one := range all {
			active := 0
			for _, it := range one.Times {
				if it.ContainsTime(time.Unix(now, 0).UTC()) {
					active = 1
				}
			}
			fmt.Fprint(out, active)
		}
		fmt.Fprintln(out)
	}
}
"""
BUILD = """\
apt-get -qq update && apt-get -qq -y install --no-install-recommends {go} > /dev/null 2>&1
mkdir -p /root/judge && cat > /root/judge/main.go
cd /root/judge
export GO111MODULE=off GOPATH=/usr/share/gocode HOME=/root
go build -o /usr/local/bin/judge main.go"""


def oncalls() -> list[OnCall]:
    """The project's data; and one with hours that nobody covers, and a swap."""
    own = yaml.safe_load((ROOT / "group_data/oncall.yml").read_text())
    day = datetime.now(UTC).date() + timedelta(days=40)
    swap = {
        "team": "hypha",
        "instead_of": "collocall",
        "from": f"{day} 08:00 Europe/Berlin",
        "until": f"{day} 12:00 Europe/Berlin",
        "why": "a swap",
    }
    shifts = [{**it, "days": ["mon", "tue", "wed", "thu", "fri", "sun"]} for it in own["shifts"]]
    other = {**own, "shifts": shifts, "overrides": [swap]}
    return [OnCall.model_validate(it) for it in (own, other)]


def test_its_own_code_calls_whom_the_clocks_say(monitored: MonitoredFleet) -> None:
    """Each quarter of the next two years, and the time after them."""
    monitored.monitor.sh(BUILD.format(go=GO), JUDGE.encode(), timeout=500)
    now = datetime.now(UTC)
    since, until = horizon(now)
    after = until + timedelta(days=800)
    for oncall in oncalls():
        told = {**intervals(oncall, now), "nobody": uncovered(oncall, now)}
        text = yaml.safe_dump([{"name": it, "time_intervals": its} for it, its in told.items()])
        words = f"judge {since.timestamp():.0f} {after.timestamp():.0f}"
        lines = monitored.monitor.sh(words, text.encode(), timeout=120).splitlines()
        assert len(lines) == (after - since) // QUARTER
        expected = [
            "".join(str(int(name in span.teams)) for name in oncall.teams)
            + str(int(not span.teams))
            for span in cover(oncall, since, until)
            for _ in range((span.until - span.since) // QUARTER)
        ]
        assert lines[: len(expected)] == expected
        nobody = "0" * len(oncall.teams) + "1"
        assert set(lines[len(expected) :]) == {nobody}
        assert (nobody in expected) == bool(oncall.overrides)
