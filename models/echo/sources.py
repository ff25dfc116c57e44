"""What the training scenes are made of: free Debian packages, pinned by version and sha256, and where they are kept."""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


def fetch(package, cache):
    """Download, check and unpack one package; returns the folder of its files. Does nothing the second time."""
    folder = cache / f"{package.name}-{package.sha256[:12]}"
    if folder.is_dir():
        return folder
    archive = download(package, cache)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != package.sha256:
        archive.unlink()
        fail(f"{archive.name} has sha256 {found}, not {package.sha256}.",
             "your mirror serves another build: read its licence again, then change version and sum in sources.py.")
    partial = folder.with_suffix(".part")
    shutil.rmtree(partial, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-x", archive, partial], check=True)
    partial.rename(folder)
    archive.unlink()
    return folder


def download(package, cache):
    cache.mkdir(parents=True, exist_ok=True)
    command = ["apt-get", "download", "--quiet", f"{package.name}={package.version}"]
    if subprocess.run(command, cwd=cache, stdout=subprocess.DEVNULL).returncode != 0:
        fail(f"apt-get could not download {package.name} {package.version} (its message is above).",
             "use Debian 12 (bookworm), main, and run `apt-get update` first.")
    return next(cache.glob(f"{package.name}_*.deb"))


def require_command(name, package):
    if shutil.which(name) is None:
        fail(f"the command {name} is not installed.", f"`apt-get install {package}`.")


def fail(what, remedy):
    sys.exit(f"error: {what}\nhelp: {remedy}")


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    sha256: str
    licence: str
    holds: str


# Read on 2026-11-21 from Debian bookworm/main; licences as each package's copyright file gives them.
TUXPAINT = Package(
    "tuxpaint-stamps-default", "2022.06.04-1", "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
    "GPL-2+", "names and descriptions of things in 15 languages; animal and machine sounds")
FILLETS = Package(
    "fillets-ng-data", "1.0.1-1.1", "25de89afd8b1adf7bcace8290248a6a22c89cd42300317e69000e162c032cf84",
    "GPL-2+", "dialogue of a game, a few lines in English")
FILLETS_CS = Package(
    "fillets-ng-data-cs", "1.0.1-1.1", "3ecef99b9456f1c80c9625c6f2418642b52d58e7167a46bad7a412db17991b14",
    "GPL-2+", "dialogue of a game in Czech, 105 minutes")
FILLETS_NL = Package(
    "fillets-ng-data-nl", "1.0.1-1.1", "afb4443fda9ab507dee578b75be857d121718a1cd6017a474f30e0eb13dc9d10",
    "GPL-2+", "dialogue of a game in Dutch, 95 minutes")
HEDGEWARS = Package(
    "hedgewars-data", "1.0.2-6", "722225903a72604403e6e0026e40e9a6953f47a74d94efc5f55504bc05bb4761",
    "GFDL-1.3 (its Sounds folder)", "short shouts of 15 voices")
KLETTRES = Package(
    "klettres-data", "4:22.12.3-1", "1186d257a19e84230856baea0b0b1ded8be9195080fcdb2588970b5cd937f5a8",
    "GPL-2+", "letters and syllables in 21 languages")
KTUBERLING = Package(
    "ktuberling-data", "4:22.12.3-1", "fba44c875bfa31ea488dadd9263e87a4dcaea0bd47d28817f6c0dc6d2af970ed",
    "GPL-2+", "words in 22 languages")
ASTERISK_FR = Package(
    "asterisk-core-sounds-fr-g722", "1.6.1-1", "7add61d5e42279ecff1bbdf842a5a946ac3644fac9a0fe44384731aa7270c8e0",
    "CC-BY-SA-3.0, Copyright 2006-2008 June Wallack", "telephone prompts in Canadian French")
ASTERISK_IT = Package(
    "asterisk-core-sounds-it-g722", "1.6.1-1", "46b4cf7afc508a5fcfc051b7ea233251c0d195dd4ef83cc4b7facb4c6429b016",
    "CC-BY-3.0, Copyright 2012 Carlo Flora", "telephone prompts in Italian")
ASTERISK_RU = Package(
    "asterisk-core-sounds-ru-g722", "1.6.1-1", "673b4238a6b8269960f055d868c6a11083f7a0d00979167cb01554046b48ed9b",
    "CC-BY-3.0, Copyright 2010 Maxim Topal (ivrvoice.ru)", "telephone prompts in Russian")
MENARDI = Package(
    "asterisk-prompt-it-menardi-wav", "1:1.4.22+mm20110907-3.1",
    "3094530d98f8758ac275572d59624c41f60969fef883f34f4886d144f3dfeb21",
    "CC-BY-SA-3.0-IT, Copyright 2006-2011 Marco Menardi and Paola Dal Zot (http://www.voip.ammdomus.it)",
    "telephone prompts in Italian, 8 kHz")

PACKAGES = (TUXPAINT, FILLETS, FILLETS_CS, FILLETS_NL, HEDGEWARS, KLETTRES, KTUBERLING, ASTERISK_FR, ASTERISK_IT,
            ASTERISK_RU, MENARDI)

# asterisk-core-sounds-en and -es are not here: their speaker is the agent of an evaluation this model is measured on.
DEFAULT_CACHE = Path.home() / ".cache" / "voxgate-echo"
