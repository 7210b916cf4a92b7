"""Power cuts: what a process wrote is recorded with strace, and played again up to any moment."""
