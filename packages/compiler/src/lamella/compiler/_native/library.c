/* Kernels with runtime sizes that compiled graphs call by name (see lm_library). Each family is written once, in library/;
 * the loader compiles one family for one real type (LM_BITS) when a graph first calls it. The first size says how many
 * bytes an element has.
 */
#include "library/window.h"
#include "library/steps.h"
#include "library/families.h"

#define LM_ENTRY(name)                                                                                               \
    LM_EXPORT int64_t name(                                                                                          \
        const lm_runtime *rt, char *const *data, const int64_t *dims, const lm_scalar *scalars                       \
    ) {                                                                                                              \
        return LM_NAME(name)(rt, data, dims + 1, scalars);                                                           \
    }

#ifdef LM_WINDOWS
LM_ENTRY(lm_conv)
LM_ENTRY(lm_conv_input_grad)
LM_ENTRY(lm_conv_weight_grad)
LM_ENTRY(lm_max_pool)
LM_ENTRY(lm_max_pool_grad)
LM_ENTRY(lm_avg_pool)
LM_ENTRY(lm_avg_pool_grad)
#endif

#ifdef LM_RECURRENT
LM_ENTRY(lm_rnn_layer)
LM_ENTRY(lm_rnn_layer_grad)
LM_ENTRY(lm_lstm_layer)
LM_ENTRY(lm_lstm_layer_grad)
LM_ENTRY(lm_gru_layer)
LM_ENTRY(lm_gru_layer_grad)
#endif

#ifdef LM_PRODUCTS
LM_ENTRY(lm_product)
#endif

#ifdef LM_ATTENTION
LM_ENTRY(lm_attention)
LM_ENTRY(lm_attention_grad)
#endif
