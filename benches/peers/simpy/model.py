"""The flip model on SimPy: callbacks on Timeout events.

A process per device costs a generator resume per event; the callbacks do the
same work without it.
"""

import gc
import json
import sys
import time
from collections import deque
from importlib.metadata import version
from math import exp, log
from random import Random

import simpy
from simpy.events import Timeout

SEED = 20_240_229
HOUR = 3600.0
HORIZON = 48 * HOUR
PERMIT_WINDOW = 24 * HOUR
ONLINE_MEAN = 2 * HOUR
OFFLINE_MEAN = 4 * HOUR
# Medians and sigmas of the lognormal durations, in seconds.
DOWNLOAD = (120.0, 0.8)
INSTALL = (60.0, 0.3)
FAILURE = 0.02
MAX_ATTEMPTS = 3

LISTED, ASIDE, READY, DOWNLOADING, INSTALLING, UNREPORTED, FINAL = range(7)


class Device:
    """One device; `ticket` is the number of its live ready-queue entry."""

    __slots__ = ("attempts", "next_flip", "online", "phase", "remaining", "ticket")

    def __init__(self, online):
        self.online = online
        self.phase = LISTED
        self.attempts = 0
        self.next_flip = self.remaining = 0.0
        self.ticket = 0


class Campaign:
    """The fleet, its scheduler and the counts."""

    def __init__(self, env, n):
        self.env = env
        self.rng = Random(SEED)
        self.uniform = self.rng.random
        self.interval = PERMIT_WINDOW / n
        self.ready = deque()
        self.ready_popped = 0
        self.over = env.event()
        self.events = self.succeeded = self.failed = 0
        self.open = n
        # Bound once: a bound method per event would be an allocation each.
        self.on_flip = self.flip
        self.on_downloaded = self.downloaded
        self.on_installed = self.installed
        self.on_permit = self.permit
        share = ONLINE_MEAN / (ONLINE_MEAN + OFFLINE_MEAN)
        self.devices = [Device(self.uniform() < share) for _ in range(n)]
        self.listed = iter(self.devices)
        self.start()

    def start(self):
        self.env.timeout(HORIZON).callbacks.append(self.finish)
        for device in self.devices:
            self.stay(device, 0.0)
        self.permit(None)

    def stay(self, device, now):
        """Draws how long the device keeps the state it has just entered."""
        mean = ONLINE_MEAN if device.online else OFFLINE_MEAN
        delay = -mean * log(1.0 - self.uniform())
        device.next_flip = now + delay
        Timeout(self.env, delay, device).callbacks.append(self.on_flip)

    def flip(self, event):
        self.events += 1
        device = event.value
        device.online = online = not device.online
        now = self.env.now
        self.stay(device, now)
        phase = device.phase
        if phase == FINAL or phase == LISTED:
            return
        if not online:
            if phase == READY:
                device.phase = ASIDE
        elif phase == ASIDE:
            self.enqueue(device)
        elif phase == DOWNLOADING:
            self.download(device, now)
        elif phase == UNREPORTED:
            self.conclude(device)

    def permit(self, _event):
        device = self.next_device()
        if device is not None:
            self.push(device)
        Timeout(self.env, self.interval).callbacks.append(self.on_permit)

    def next_device(self):
        while self.ready:
            device = self.ready.popleft()
            self.ready_popped += 1
            if device.phase == READY and device.ticket == self.ready_popped:
                return device
        for device in self.listed:
            if device.online:
                return device
            device.phase = ASIDE
        return None

    def enqueue(self, device):
        device.phase = READY
        self.ready.append(device)
        device.ticket = self.ready_popped + len(self.ready)

    def push(self, device):
        self.events += 1
        device.attempts += 1
        device.phase = DOWNLOADING
        device.remaining = self.duration(DOWNLOAD)
        self.download(device, self.env.now)

    def download(self, device, now):
        """Starts or resumes the download. The next flip is already drawn, so a
        download that cannot end before it gets no timer to cancel."""
        left_online = device.next_flip - now
        if device.remaining <= left_online:
            timer = Timeout(self.env, device.remaining, device)
            timer.callbacks.append(self.on_downloaded)
        else:
            device.remaining -= left_online

    def downloaded(self, event):
        self.events += 1
        device = event.value
        device.phase = INSTALLING
        timer = Timeout(self.env, self.duration(INSTALL), device)
        timer.callbacks.append(self.on_installed)

    def installed(self, event):
        self.events += 1
        device = event.value
        if device.online:
            self.conclude(device)
        else:
            device.phase = UNREPORTED

    def conclude(self, device):
        """Learns an attempt's result; the device is online."""
        failed = self.uniform() < FAILURE
        if failed and device.attempts < MAX_ATTEMPTS:
            self.enqueue(device)
            return
        device.phase = FINAL
        self.open -= 1
        if failed:
            self.failed += 1
        else:
            self.succeeded += 1
        if self.open == 0:
            self.finish(None)

    def duration(self, lognormal):
        median, sigma = lognormal
        return median * exp(self.rng.gauss(0.0, sigma))

    def finish(self, _event):
        if not self.over.triggered:
            self.over.succeed()


def peak_rss_bytes():
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError("no VmHWM in /proc/self/status")


def main():
    n = int(sys.argv[1])
    # The model makes no reference cycles, so collecting would only cost time.
    gc.disable()
    started = time.perf_counter()
    env = simpy.Environment()
    campaign = Campaign(env, n)
    built = time.perf_counter()
    env.run(until=campaign.over)
    ended = time.perf_counter()
    report(n, campaign, built - started, ended - started)


def report(n, campaign, build, wall):
    rss = peak_rss_bytes()
    line = {
        "engine": "simpy",
        "version": version("simpy"),
        "n": n,
        "events": campaign.events,
        "build_s": round(build, 6),
        "run_s": round(wall - build, 6),
        "wall_s": round(wall, 6),
        "events_per_s": round(campaign.events / wall),
        "peak_rss_bytes": rss,
        "bytes_per_device": round(rss / n, 1),
        "succeeded": campaign.succeeded,
        "failed": campaign.failed,
        "open": campaign.open,
    }
    print(json.dumps(line, separators=(",", ":")))


if __name__ == "__main__":
    main()
