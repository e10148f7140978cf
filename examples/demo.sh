#!/bin/sh
# The main job on real photos, as in the README: sample, collection, enroll, enroll again, look.
set -eu
folder=$1
muster="${BIN:-.venv/bin}/muster"

say() { printf '\n$ %s\n' "muster $*"; "$muster" "$@"; }

say sample "$folder/payload"
say collections create demo --store "$folder/store"
for run in first second; do
    say enroll "$folder/payload" --collection demo --face-storage-type StoreThumbnails \
        --store "$folder/store" --run-dir "$folder/$run"
done
say collections show demo --store "$folder/store"
printf '\n$ cat %s\n' "$folder/first/results/*"
cat "$folder"/first/results/*
