"""What the script `dev` calls: packages, builds, servers and programs of one checkout.

Each module has one subject. Only the standard library is used, so that `./dev` works before the
virtual environment exists.
"""
