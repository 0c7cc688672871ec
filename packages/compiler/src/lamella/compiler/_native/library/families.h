/* All files of the library for the real type of LM_BITS bits. */
#include "real.h"

#include "vectors.h"

#include "patches.h"
#include "depthwise.h"
#include "conv.h"
#include "pool.h"

#include "panel.h"
#include "gates.h"
#include "lstm.h"
#include "gru.h"
#include "attention.h"
