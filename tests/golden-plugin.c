/* A library with a defect that a macro selects. The cases of tests/golden are compiled from it. */
#include "flowrun.h"
#include <unistd.h>

#ifdef VERSION
enum { speaks = VERSION };
#undef FLOWRUN_ABI_VERSION
#define FLOWRUN_ABI_VERSION speaks
#endif

#define EXECUTOR "{\"name\": \"Bad\", \"summary\": \"Is there to be refused.\"}"

#ifdef TWICE
FLOWRUN_NOTE("{\"sdk\": \"c\", \"executors\": [" EXECUTOR ", " EXECUTOR "]}");
#elif defined WITHOUT_NOTE
static flowrun_bytes flowrun_describe(void) { return flowrun_text("{}"); }
#else
FLOWRUN_NOTE("{\"sdk\": \"c\", \"executors\": [" EXECUTOR "]}");
#endif

static uint32_t create(const flowrun_build *build, flowrun_made *made) { return build == NULL || made == NULL; }
static uint32_t execute(void *executor, const flowrun_call *call) { return executor != NULL && call == NULL; }
static void destroy(void *executor) { free(executor); }

#ifndef CREATE
#define CREATE create
#endif

static const flowrun_plugin_table table = {
    sizeof table, FLOWRUN_ABI_VERSION, flowrun_describe, CREATE, execute, NULL, destroy,
};

#ifdef WITHOUT_SYMBOL
#define flowrun_plugin another_function
const flowrun_plugin_table *another_function(const flowrun_host *host);
#endif

int nowhere(void);

const flowrun_plugin_table *flowrun_plugin(const flowrun_host *host) {
#ifdef HANGS
    for (;;) pause();
#endif
#ifdef LACKS
    if (nowhere()) return NULL;
#endif
#ifdef PANICS
    host->unusable(FLOWRUN_PANIC, flowrun_text("no licence was found"));
#endif
#if defined PANICS || defined RETURNS_NULL
    return NULL;
#endif
    return host != NULL ? &table : NULL;
}
