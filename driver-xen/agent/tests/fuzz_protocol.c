/* The agent's side of the protocol under libFuzzer:
 *
 *   clang -g -fsanitize=fuzzer,address,undefined -o fuzz_protocol \
 *       tests/fuzz_protocol.c tests/fake.c protocol.c
 *   tests/check --seeds SEEDS; ./fuzz_protocol -max_len=40000 SEEDS
 */
#include "fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fake_fuzz(data, size);
    return 0;
}
