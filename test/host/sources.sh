#!/bin/bash
# The Debian 12 archive that this machine itself uses, whatever it is called, as lines of a sources.list.
set -eu
sources() {
  apt-get indextargets --format '$(CREATED_BY) $(ORIGIN) deb $(REPO_URI) $(RELEASE) $(COMPONENT)' |
    sed -n 's/^Packages Debian \(deb .* bookworm.*\)/\1/p' | sort -u
}
[ -n "$(sources)" ] || apt-get -q update >&2
found=$(sources)
[ -n "$found" ] || { echo "This takes Debian 12 (bookworm), and this machine's apt sources do not have it." >&2; exit 1; }
echo "$found"
