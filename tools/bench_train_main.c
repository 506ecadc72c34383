#include "tools/bench_train.h"

int main(int argc, char **argv)
{
    return kith_bench_train(argc, argv);
}
