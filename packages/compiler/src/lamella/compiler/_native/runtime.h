/* What the files of the runtime share. */
#ifndef LAMELLA_RUNTIME_H
#define LAMELLA_RUNTIME_H
#include "lamella.h"

extern LM_EXPORT lm_runtime lm_the_runtime;
#endif
