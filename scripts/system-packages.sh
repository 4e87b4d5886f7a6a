#!/bin/sh
# Install the system packages that Diascribe uses: OCR languages and fonts. Used by make, CI and the Dockerfile.
# More packages can be named: `system-packages.sh chromium` for the tests of the page.
# Without root or apt nothing is installed and nothing fails: one line names each missing package and what it brings.
set -eu

wanted="tesseract-ocr-rus tesseract-ocr-eng fonts-dejavu-core fonts-liberation $*"
# A Python from Debian comes without venv; others (python.org, pyenv, the Docker image) bring it.
if ! "${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null; then
    wanted="$wanted python3 python3-venv"
fi

brings() {
    case $1 in
        tesseract-ocr-rus) echo "reads Cyrillic better" ;;
        tesseract-ocr-eng) echo "reads Latin text faster" ;;
        fonts-*) echo "draws Cyrillic on overlays and diagrams" ;;
        chromium) echo "lets the tests look at the page" ;;
        python3*) echo "makes the virtual environment" ;;
    esac
}

missing=""
for package in $wanted; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then as_root="sudo -n"; else as_root="none"; fi
fi
if [ "$as_root" != none ] && command -v apt-get >/dev/null 2>&1; then
    # shellcheck disable=SC2086  # the lists are words on purpose
    if $as_root apt-get update -qq &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null; then
        exit 0
    fi
fi
for package in $missing; do
    echo "system package missing: $package ($(brings "$package")); install it with: apt-get install $package" >&2
done
exit 0
