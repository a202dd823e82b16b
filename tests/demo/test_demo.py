import subprocess
import sys

# On a first run the image is built inside the first step.
PATIENCE_SECONDS = 180


def test_the_demo_shows_what_it_claims():
    """A real client, a real server over stdio and the simulated API, each its own process."""
    ended = subprocess.run(
        [sys.executable, "-m", "pymode", "demo"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    output = ended.stdout.decode()
    assert ended.returncode == 0, output + ended.stderr.decode()
    for shown in (
        "Create a DNS record",
        '"zones":57',
        "made by code",
        "denied by the rule DELETE /zones/*",
        "the person is asked",
        '"purged":true',
        "dry run, not sent: DELETE /zones/",
        "loops without end",
        "what it cost",
    ):
        assert shown in " ".join(output.split()), shown
    assert b"Traceback" not in ended.stderr
