"""Engine releases on this machine: one virtual environment each, made by uv from a lock.

>>> environment = install.ensure(release)            # installs on first use
>>> run([environment.which("xtuner"), ...], env=environment.environ(os.environ))
"""
