#include "training/plain_form.h"

#include <string.h>

#include "training/lanes.h"

/* to[j][i] = from[i][j], for `rows` rows and `columns` columns. */
static void turn(const float *from, size_t from_row, uint32_t rows, uint32_t columns, float *to,
                 size_t to_row)
{
    uint32_t i = 0;
    for (; columns == KITH_PANEL && i + 4 <= rows; i += 4)
        for (uint32_t j = 0; j < KITH_PANEL; j += 4)
            transpose_four(from + i * from_row + j, from_row, to + j * to_row + i, to_row);
    for (; i < rows; i++)
        for (uint32_t j = 0; j < columns; j++)
            to[j * to_row + i] = from[i * from_row + j];
}

static void turn_back(const float *from, size_t from_row, uint32_t rows, uint32_t columns,
                      float *to, size_t to_row)
{
    uint32_t i = 0;
    for (; columns == KITH_PANEL && i + 4 <= rows; i += 4)
        for (uint32_t j = 0; j < KITH_PANEL; j += 4)
            transpose_four(from + j * from_row + i, from_row, to + i * to_row + j, to_row);
    for (; i < rows; i++)
        for (uint32_t j = 0; j < columns; j++)
            to[i * to_row + j] = from[j * from_row + i];
}

static uint32_t columns_of(const struct kith_matrix *m, uint32_t first)
{
    uint32_t left = m->columns - first;
    return left < KITH_PANEL ? left : KITH_PANEL;
}

const float *kith_plain_set(const struct kith_matrix *m, float *bias, const float *plain)
{
    for (uint32_t n = 0; n < m->columns; n += KITH_PANEL)
        turn_back(plain + (size_t)n * m->rows, m->rows, m->rows, columns_of(m, n),
                  kith_matrix_at(m, 0, n), m->row_stride);
    plain += (size_t)m->columns * m->rows;
    memcpy(bias, plain, m->columns * sizeof *bias);
    return plain + m->columns;
}

float *kith_plain_get(const struct kith_matrix *m, const float *bias, float *ret_plain)
{
    for (uint32_t n = 0; n < m->columns; n += KITH_PANEL)
        turn(kith_matrix_at(m, 0, n), m->row_stride, m->rows, columns_of(m, n),
             ret_plain + (size_t)n * m->rows, m->rows);
    ret_plain += (size_t)m->columns * m->rows;
    memcpy(ret_plain, bias, m->columns * sizeof *bias);
    return ret_plain + m->columns;
}
