/* Bytes as a message between peers: decoding never fails badly, and what was accepted encodes again
 * to something that is accepted. */
#include <stdlib.h>

#include "overlay/overlay_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t buffer[KITH_MESSAGE_MAX];
    struct kith_msg msg, again;
    if (kith_msg_decode((struct kith_bytes){data, size}, &msg) != 0) return 0;
    if (msg.type == KITH_MSG_BLOCK) return 0;
    struct kith_bytes bytes = kith_msg_encode(&msg, buffer, sizeof buffer);
    if (bytes.len == 0 || kith_msg_decode(bytes, &again) != 0) abort();
    return 0;
}
