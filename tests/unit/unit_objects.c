/* objects: content addressing, chunks, eviction. */
#include "base/err.h"
#include "overlay/objects.h"
#include "tests/test.h"

enum { BIG = 2 * KITH_CHUNK_LEN + 1000 };
static uint8_t content[BIG];

static void fill(uint8_t seed)
{
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (uint8_t)(i * 31 + seed);
}

static void same_bytes_same_id(void)
{
    struct kith_objects objects;
    check_int(kith_objects_init(&objects, 3, BIG, 0, 1), 0);
    fill(1);
    struct kith_object *a = kith_objects_put(&objects, (struct kith_bytes){content, BIG}, 1);
    struct kith_object *b = kith_objects_put(&objects, (struct kith_bytes){content, BIG}, 2);
    check(kith_id_eq(&a->id, &b->id));
    content[BIG - 1] ^= 1;
    struct kith_object *c = kith_objects_put(&objects, (struct kith_bytes){content, BIG}, 3);
    check(!kith_id_eq(&a->id, &c->id));
    check_int(a->chunks, 3);
    check_int(kith_object_block(a, 8).len, 1000);
    check_int(kith_object_block(a, 9).len, 0);
    kith_objects_release(&objects);
}

static void fetched_object_is_checked_by_chunk(void)
{
    struct kith_objects here, there;
    check_int(kith_objects_init(&here, 1, BIG, 0, 1), 0);
    check_int(kith_objects_init(&there, 1, BIG, 0, 1), 0);
    fill(2);
    struct kith_object *whole = kith_objects_put(&there, (struct kith_bytes){content, BIG}, 1);
    struct kith_object *part = kith_objects_begin(&here, &whole->id, BIG, 1);
    check(part && !kith_object_is_whole(part));

    struct kith_bytes index = kith_object_index(whole);
    check_int(kith_object_set_index(part, (struct kith_bytes){index.at, index.len - 32}),
              KITH_ERR_SHAPE);
    uint8_t wrong[3 * KITH_ID_LEN];
    memcpy(wrong, index.at, sizeof wrong);
    wrong[40] ^= 1;
    check_int(kith_object_set_index(part, (struct kith_bytes){wrong, sizeof wrong}), KITH_ERR_HASH);
    check_int(kith_object_set_index(part, index), 0);

    memcpy(part->bytes, content, BIG);
    part->bytes[KITH_CHUNK_LEN + 5] ^= 1;
    check_int(kith_object_check_chunk(part, 0), 0);
    check_int(kith_object_check_chunk(part, 1), KITH_ERR_HASH);
    check_int(kith_object_check_chunk(part, 2), 0);
    check(!kith_object_is_whole(part));
    part->bytes[KITH_CHUNK_LEN + 5] ^= 1;
    check_int(kith_object_check_chunk(part, 1), 0);
    check(kith_object_is_whole(part));
    kith_objects_release(&here);
    kith_objects_release(&there);
}

static void oldest_unpinned_goes_first(void)
{
    struct kith_objects objects;
    check_int(kith_objects_init(&objects, 2, 64, 1, 8), 0);
    struct kith_object *a = kith_objects_put(&objects, (struct kith_bytes){content, 60}, 1);
    struct kith_object *b = kith_objects_put(&objects, (struct kith_bytes){content, 61}, 2);
    a->pins++;
    struct kith_object *c = kith_objects_put(&objects, (struct kith_bytes){content, 62}, 3);
    check(c == b);
    c->pins++;
    check(!kith_objects_put(&objects, (struct kith_bytes){content, 63}, 4));
    check(kith_objects_put(&objects, (struct kith_bytes){content, 8}, 4) != NULL);
    check(!kith_objects_put(&objects, (struct kith_bytes){content, 65}, 4));
    kith_objects_release(&objects);
}

static void too_large_is_refused(void)
{
    struct kith_objects objects;
    uint64_t past = (uint64_t)KITH_CHUNKS_MAX * KITH_CHUNK_LEN + 1;
    check_int(kith_objects_init(&objects, 1, past, 0, 1), KITH_ERR_RANGE);
    check_int(kith_objects_init(&objects, 1, 64, 0, 1), 0);
    struct kith_id id = {{1}};
    check(!kith_objects_begin(&objects, &id, 0, 1));
    check(!kith_objects_begin(&objects, &id, 65, 1));
    kith_objects_release(&objects);
}

/* Small models share the room with soft labels: free slots of any size come before anybody goes. */
static void what_is_small_takes_large_slots_before_it_evicts(void)
{
    struct kith_objects objects;
    struct kith_object *put[5];
    check_int(kith_objects_init(&objects, 3, BIG, 2, 1000), 0);
    for (uint8_t i = 0; i < 5; i++) {
        fill(i);
        put[i] = kith_objects_put(&objects, (struct kith_bytes){content, 500}, 10 + i);
        check(put[i] && (put[i]->room == 1000) == (i < 2));
    }
    for (uint8_t i = 0; i < 5; i++)
        check(kith_objects_find(&objects, &put[i]->id) == put[i]);
    fill(9);
    check(kith_objects_put(&objects, (struct kith_bytes){content, 500}, 20) == put[0]);
    kith_objects_release(&objects);
}

int main(void)
{
    run(what_is_small_takes_large_slots_before_it_evicts);
    run(same_bytes_same_id);
    run(fetched_object_is_checked_by_chunk);
    run(oldest_unpinned_goes_first);
    run(too_large_is_refused);
    return test_end();
}
