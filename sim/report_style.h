/* sim/report_style.h: the look of a report, light and dark, wide and narrow. */
#ifndef KITH_SIM_REPORT_STYLE_H
#define KITH_SIM_REPORT_STYLE_H

/* A style sheet. Series have the classes s1 to s5, in the colours of Okabe and Ito and with dashes
 * of their own, so that colour is never all that tells them apart; amounts have q0 (none) to q6. */
extern const char kith_report_style[];

enum { KITH_REPORT_SHADES = 7 }; /* q0 to q6 */

#endif
