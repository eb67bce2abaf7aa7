#!/bin/bash -eu
# Builds the fuzz targets as OSS-Fuzz and ClusterFuzzLite want them: binaries, options, dictionaries and
# seed corpora in $OUT. `cargo xtask fuzz` runs it with the same variables, without a container.
#
#   SRC   the folder in which the project lies as ia64save
#   OUT   where the results go
#   WORK  for what is in between
#   SEEDS the program that makes the seeds, if it has been built already

cd "$SRC/ia64save"

# Debug assertions find what would wrap silently.
cargo fuzz build -O --debug-assertions
built=fuzz/target/x86_64-unknown-linux-gnu/release

# The seeds are made by a program of the host: the flags of the targets are not for it.
seeds="$WORK/seeds"
rm -rf "$seeds"
if [ -z "${SEEDS:-}" ]; then
    env -u RUSTFLAGS -u CFLAGS -u CXXFLAGS -u CC -u CXX \
        cargo build --release --quiet --package ia64save-fuzz-targets --target-dir "$WORK/seeds-target" \
        --bin seeds
    SEEDS=$WORK/seeds-target/release/seeds
fi
"$SEEDS" "$seeds"

for source in fuzz/fuzz_targets/*.rs; do
    target=$(basename "$source" .rs)
    cp "$built/$target" "$OUT/"
    cp fuzz/ia64save.dict "$OUT/$target.dict"
    cp "fuzz/oss-fuzz/options/$target.options" "$OUT/"
    rm -f "$OUT/${target}_seed_corpus.zip"
    (cd "$seeds/$target" && zip -q -r "$OUT/${target}_seed_corpus.zip" .)
done
