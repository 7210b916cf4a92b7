"""The demo: three packages of an invented seller, and what runs the whole shop on one machine."""
