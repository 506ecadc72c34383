#include "base/err.h"
#include "base/hash.h"
#include "tests/test.h"
#include "training/arch.h"

static int parse(const char *text, struct kith_arch *ret)
{
    return kith_arch_parse(text, 784, 10, 1 << 24, ret);
}

static void a_hidden_list_gives_the_widths_between_inputs_and_classes(void)
{
    struct kith_arch arch;
    check_int(parse("mlp:256,128", &arch), 0);
    check_int(arch.layers, 3);
    check_int(arch.width[0], 784);
    check_int(arch.width[1], 256);
    check_int(arch.width[2], 128);
    check_int(arch.width[3], 10);
    check_int(arch.params, 785 * 256 + 257 * 128 + 129 * 10);
    check_str(arch.text, "mlp:256,128");
}

static void no_hidden_layer_is_a_model_too(void)
{
    struct kith_arch arch;
    check_int(parse("mlp:", &arch), 0);
    check_int(arch.layers, 1);
    check_int(arch.params, 7850);
    check_str(arch.text, "mlp:");
}

static void the_text_is_normalised(void)
{
    struct kith_arch a, b;
    check_int(parse("mlp:0064,008", &a), 0);
    check_int(parse("mlp:64,8", &b), 0);
    check_str(a.text, "mlp:64,8");
    check(memcmp(&a, &b, sizeof a) == 0);
}

static void the_class_is_the_hash_of_the_widths(void)
{
    struct kith_arch arch, wider, other_input;
    check_int(parse("mlp:32", &arch), 0);
    const uint8_t widths[] = {0x10, 3, 0, 0, 32, 0, 0, 0, 10, 0, 0, 0};
    struct kith_id hash = kith_hash_of("kith/arch/1", (struct kith_bytes){widths, sizeof widths});
    check(memcmp(arch.class_id, hash.bytes, KITH_ARCH_CLASS_LEN) == 0);
    check_int(parse("mlp:33", &wider), 0);
    check(memcmp(arch.class_id, wider.class_id, KITH_ARCH_CLASS_LEN) != 0);
    check_int(kith_arch_parse("mlp:32", 783, 10, 1 << 24, &other_input), 0);
    check(memcmp(arch.class_id, other_input.class_id, KITH_ARCH_CLASS_LEN) != 0);
}

static void other_forms_are_invalid(void)
{
    static const char *const texts[] = {
        "",        "mlp",       "mlp:,",     "mlp:1,",    "mlp:,1",        "mlp:1,,",  "mlp: 1",
        "mlp:1 ",  "mlp:-1",    "mlp:+1",    "MLP:1",     "cnn:8",         "mlp:1;2",  "mlp:1x10",
        "mlp:1.5", "lp:1",      "256,128",   " mlp:256",  "mlp:8\n",       "cnn:",     "cnn:6x",
        "cnn:x3",  "cnn:6x3ps", "cnn:6x3pp", "cnn:8,6x3", "cnn:6x3,8,6x3", "cnn:6x3,", "lenet5"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct kith_arch arch = {.layers = 77};
        check_int(parse(texts[i], &arch), KITH_ERR_INVALID);
        check_int(arch.layers, 77);
    }
}

static void widths_layers_and_parameters_are_bounded(void)
{
    struct kith_arch arch;
    check_int(parse("mlp:0", &arch), KITH_ERR_RANGE);
    check_int(parse("mlp:16385", &arch), KITH_ERR_RANGE);
    check_int(parse("mlp:4294967297", &arch), KITH_ERR_RANGE);
    check_int(parse("mlp:99999999999999999999999", &arch), KITH_ERR_RANGE);
    check_int(parse("mlp:16384", &arch), 0);
    check_int(parse("mlp:1,2,3,4,5,6,7", &arch), 0);
    check_int(arch.layers, KITH_LAYERS_MAX);
    check_int(parse("mlp:1,2,3,4,5,6,7,8", &arch), KITH_ERR_RANGE);
    check_int(kith_arch_parse("mlp:32", 784, 10, 25450, &arch), 0);
    check_int(kith_arch_parse("mlp:32", 784, 10, 25449, &arch), KITH_ERR_RANGE);
    check_int(kith_arch_parse("mlp:32", 0, 10, 1 << 24, &arch), KITH_ERR_RANGE);
    check_int(kith_arch_parse("mlp:32", KITH_WIDTH_MAX + 1, 10, 1 << 30, &arch), KITH_ERR_RANGE);
    check_int(kith_arch_parse("mlp:32", 784, 0, 1 << 24, &arch), KITH_ERR_RANGE);
    check_int(kith_arch_parse("mlp:32", 784, 257, 1 << 24, &arch), KITH_ERR_RANGE);
}

static void convolutions_come_first_and_have_their_own_inputs(void)
{
    struct kith_arch arch, same, other;
    check_int(parse("lenet", &arch), 0);
    check_str(arch.text, "cnn:6x5sp,16x5p,120,84");
    check_int(arch.layers, 5);
    check_int(arch.convs, 2);
    check_int(arch.width[1], 14 * 14 * 6);
    check_int(arch.width[2], 5 * 5 * 16);
    check_int(arch.conv[1].channels, 6);
    check_int(arch.params, 6 * 26 + 16 * 151 + 120 * 401 + 84 * 121 + 10 * 85);
    check_int(arch.products, 784 * 6 * 26 + 100 * 16 * 151 + 120 * 401 + 84 * 121 + 10 * 85);
    check_int(parse("cnn:06x5sp,16x05p,120,84", &same), 0);
    check(memcmp(same.class_id, arch.class_id, sizeof arch.class_id) == 0);
    check_int(parse("cnn:6x5p,16x5p,120,84", &other), 0);
    check(memcmp(other.class_id, arch.class_id, sizeof arch.class_id) != 0);
}

static void convolutions_are_checked_against_their_inputs(void)
{
    struct kith_arch arch;
    check_int(kith_arch_parse("lenet", 783, 10, 1 << 24, &arch), KITH_ERR_SHAPE);
    check_int(kith_arch_parse("lenet", 11 * 11, 10, 1 << 24, &arch), KITH_ERR_SHAPE);
    check_int(kith_arch_parse("lenet", 12 * 12, 10, 1 << 24, &arch), 0);
    check_int(kith_arch_parse("cnn:2x15", 14 * 14, 10, 1 << 24, &arch), KITH_ERR_SHAPE);
    check_int(kith_arch_parse("cnn:2x15p", 15 * 15, 10, 1 << 24, &arch), KITH_ERR_SHAPE);
    check_int(kith_arch_parse("cnn:2x15", 15 * 15, 10, 1 << 24, &arch), 0);
    check_int(parse("cnn:2x16", &arch), KITH_ERR_RANGE);
    check_int(parse("cnn:1x1,1x1,1x1,1x1", &arch), 0);
    check_int(parse("cnn:1x1,1x1,1x1,1x1,1x1", &arch), KITH_ERR_RANGE);
    check_int(parse("cnn:513x1", &arch), KITH_ERR_RANGE);
    check_int(parse("cnn:0x3", &arch), KITH_ERR_RANGE);
    check_int(parse("cnn:2x0", &arch), KITH_ERR_RANGE);
    check_int(parse("cnn:2x4s", &arch), KITH_ERR_RANGE);
    check_int(parse("cnn:21x1", &arch), KITH_ERR_RANGE); /* 16464 numbers go out */
    check_int(parse("cnn:1x1,1x1,1x1,1x1,1x1,1x1,1x1,1x1", &arch), KITH_ERR_RANGE);
}

static void a_text_that_would_not_fit_is_refused(void)
{
    struct kith_arch arch;
    check_int(parse("mlp:1000,1000,1000,1000,1000,99", &arch), 0);
    check_int(strlen(arch.text), KITH_ARCH_TEXT_MAX - 1);
    check_int(parse("mlp:1000,1000,1000,1000,1000,100", &arch), KITH_ERR_RANGE);
}

int main(void)
{
    run(a_hidden_list_gives_the_widths_between_inputs_and_classes);
    run(no_hidden_layer_is_a_model_too);
    run(the_text_is_normalised);
    run(the_class_is_the_hash_of_the_widths);
    run(other_forms_are_invalid);
    run(widths_layers_and_parameters_are_bounded);
    run(convolutions_come_first_and_have_their_own_inputs);
    run(convolutions_are_checked_against_their_inputs);
    run(a_text_that_would_not_fit_is_refused);
    return test_end();
}
