"""What needs several programs, or looks at the whole tree. See tests/README.md."""
