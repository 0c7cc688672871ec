/* The files of one family of the library for the real type of LM_BITS bits. */
#include "real.h"

#include "vectors.h"

#ifdef LM_WINDOWS
#include "panel.h"
#include "patches.h"
#include "depthwise.h"
#include "slide.h"
#include "conv.h"
#include "pool.h"
#endif

#ifdef LM_RECURRENT
#include "panel.h"
#include "gates.h"
#include "lstm.h"
#include "gru.h"
#endif

#ifdef LM_PRODUCTS
#include "panel.h"
#include "multiply.h"
#include "product.h"
#endif

#ifdef LM_ATTENTION
#include "panel.h"
#include "attention.h"
#endif
