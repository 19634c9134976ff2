//! Reads the host: procfs, cgroups, pressure, block and network counters, GPU, Prometheus, schedules.
