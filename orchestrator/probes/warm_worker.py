"""Import an engine once, then fork a child for each of its commands. Runs in the engine's Python.

usage: python warm_worker.py FD MODULE...

FD is a Unix stream socket. A request is one line of JSON {"argv", "env", "cwd"} with the file
descriptor that takes the command's output. Two lines answer: {"pid", "cold"} when the child runs,
{"code"} when it has ended. The child runs the program itself: the same argv, variables, working
folder and output as without this worker. What cannot be equal here (``cold`` says why) is started
afresh in the child's place.
"""

import atexit
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import types
from pathlib import Path

#: Variables that differ without meaning: a shell's own, and paths that the child looks after.
LATE = {"PYTHONPATH", "_", "SHLVL", "PWD", "OLDPWD"}
BORN = dict(os.environ)


def script_of(argv):
    """(script, its arguments) when the program is Python's; None: another kind of program."""
    if Path(argv[0]).name.startswith("python"):
        return (argv[1], argv[2:]) if len(argv) > 1 and argv[1].endswith(".py") else None
    with Path(argv[0]).open("rb") as stream:
        head = stream.read(300)
    return (argv[0], argv[1:]) if head.startswith(b"#!") and b"python" in head else None


def folders(env, cwd):
    """What PYTHONPATH adds, as absolute paths."""
    added = env.get("PYTHONPATH", "").split(os.pathsep)
    return [Path(cwd, each) for each in added if each]


def why_cold(request):
    """Why the command cannot run in a fork of this process; None when it can."""
    env, cwd = request["env"], request["cwd"]
    changed = sorted(key for key in {*env, *BORN} - LATE if env.get(key) != BORN.get(key))
    if changed:
        return "other variables: " + ", ".join(changed)
    if script_of(request["argv"]) is None:
        return "its program is not a Python script"
    for folder in filter(Path.is_dir, folders(env, cwd)):
        names = {path.name.partition(".")[0] for path in folder.iterdir()} - {"sitecustomize"}
        shadowed = sorted(names & set(sys.modules))
        if shadowed:
            return f"{folder} has modules of its own: " + ", ".join(shadowed)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return "CUDA is in use, and does not survive a fork"
    if threading.active_count() > 1:
        return "a module has started threads, which do not survive a fork"
    return None


def run_script(script, arguments):
    """What ``python SCRIPT ARGUMENTS`` does, to its end; this process ends with it."""
    main = types.ModuleType("__main__")
    main.__file__ = script
    sys.modules["__main__"] = main
    sys.argv = [script, *arguments]
    sys.path[0] = str(Path(script).absolute().parent)
    code = 0
    try:
        exec(compile(Path(script).read_bytes(), script, "exec"), main.__dict__)
    except SystemExit as end:
        code = exit_code(end)
    except BaseException as error:
        trace = error.__traceback__.tb_next if error.__traceback__ else None
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        code = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or 120  # as Python itself ends when its last words find no place
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def exit_code(end):
    """The exit code of a SystemExit; a text is printed, as Python does."""
    if end.code is None or isinstance(end.code, int):
        return (end.code or 0) & 0xFF
    print(end.code, file=sys.stderr)
    return 1


def forked(work):
    """A child that does ``work`` and nothing of what comes after; its number."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    finally:
        os._exit(70)


RUN = subprocess.run


def run(*popenargs, **options):
    """subprocess.run, but ``python SCRIPT …`` alone is forked too: XTuner starts its tools so."""
    argv = popenargs[0] if len(popenargs) == 1 and not options else None
    if not isinstance(argv, list) or argv[:1] != ["python"] or not script_of(argv):
        return RUN(*popenargs, **options)
    pid = forked(lambda: run_script(*script_of(argv)))
    return subprocess.CompletedProcess(argv, ended(pid))


def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def become(request, output, cold):
    """In the child: a session of its own, the wanted output and folder, then the program."""
    os.setsid()
    for number in (1, 2):
        os.dup2(output, number)
    os.chdir(request["cwd"])
    argv, env = request["argv"], request["env"]
    if cold:
        os.execve(argv[0], argv, env)
    os.environ.clear()
    os.environ.update(env)
    added = folders(env, request["cwd"])
    sys.path[1:1] = map(str, added)
    if any((folder / "sitecustomize.py").is_file() for folder in added):
        sys.modules.pop("sitecustomize", None)
        keep, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        importlib.import_module("sitecustomize")
        sys.dont_write_bytecode = keep
    if "numpy" in sys.modules:  # or every child would draw the same numbers
        sys.modules["numpy"].random.seed()
    subprocess.run = run
    run_script(*script_of(argv))


def received(sock):
    """The next request and its file descriptor; None when nobody asks any more."""
    line, output = b"", []
    while not line.endswith(b"\n"):
        chunk, descriptors, _, _ = socket.recv_fds(sock, 65536, 1)
        line, output = line + chunk, output + list(descriptors)
        if not chunk:
            return None
    return json.loads(line), output[0]


def tell(sock, **words):
    sock.sendall(json.dumps(words).encode() + b"\n")


def main():
    sock = socket.socket(fileno=int(sys.argv[1]))
    # torch's inductor keeps processes and a thread ready to compile as soon as it is imported.
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    for name in sys.argv[2:]:
        try:
            importlib.import_module(name)
        except Exception as error:  # the command that needs it will say so itself
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
    gc.collect()
    gc.freeze()
    while (asked := received(sock)) is not None:
        request, output = asked
        cold = why_cold(request)

        def child(request=request, output=output, cold=cold):
            sock.close()
            become(request, output, cold)

        pid = forked(child)
        os.close(output)
        tell(sock, pid=pid, cold=cold)
        tell(sock, code=ended(pid))


if __name__ == "__main__":
    main()
