/* A plugin in C: appends a mark to the text of every document. All other fields pass unchanged. In the root of the repository:
 *
 *     cc -shared -fPIC -I executors/sdk/include -o libshout.so executors/examples/c/shout.c
 */
#include "flowrun.h"

FLOWRUN_NOTE("{\"sdk\": \"c\", \"library\": \"shout\", \"version\": \"1.0\", \"executors\": [{"
             "\"name\": \"ShoutC\", \"summary\": \"Appends a mark to the text of every document.\", \"parameters\": [{"
             "\"name\": \"mark\", \"type\": \"text\", \"default\": \"\\\"!\\\"\", \"doc\": \"Appended to every text.\"}]}]}");

static uint32_t create(const flowrun_build *build, flowrun_made *made) {
    flowrun_bytes mark;
    flowrun_buffer *copy = (flowrun_buffer *)calloc(1, sizeof *copy);
    if (copy == NULL) return FLOWRUN_INTERNAL;
    if (!flowrun_member(build->parameters, "mark", &mark)) mark = flowrun_text("\"!\"");
    if (mark.length < 2 || memchr(mark.data, '\\', mark.length) != NULL) {
        free(copy);
        build->host->refuse(build->site, flowrun_text("mark"), flowrun_text("must be a text without a backslash"));
        return FLOWRUN_PARAMETER;
    }
    mark.data++, mark.length -= 2; /* without the quotation marks */
    flowrun_append(copy, mark);
    made->executor = copy;
    return FLOWRUN_OK;
}

/* Appends a document to the answer (a repeated field 1), with the mark after its text (field 4). Returns false if the document
 * is malformed or memory is exhausted. */
static bool shout(flowrun_bytes document, flowrun_bytes mark, flowrun_buffer *answer) {
    flowrun_buffer changed = {0}, text = {0};
    flowrun_field field;
    while (flowrun_next(&document, &field)) {
        if (field.number != 4) {
            flowrun_append(&changed, field.whole);
            continue;
        }
        text.length = 0;
        flowrun_append(&text, field.value);
        flowrun_append(&text, mark);
        flowrun_append_field(&changed, 4, flowrun_bytes_of(&text));
    }
    flowrun_append_field(answer, 1, flowrun_bytes_of(&changed));
    bool complete = document.length == 0 && !changed.failed && !text.failed;
    free(changed.data), free(text.data);
    return complete;
}

static uint32_t execute(void *executor, const flowrun_call *call) {
    flowrun_bytes documents = call->documents;
    flowrun_buffer answer = {0};
    flowrun_field document;
    uint32_t status = FLOWRUN_OK;
    while (status == FLOWRUN_OK && flowrun_next(&documents, &document)) {
        status = call->host->check(call); /* the request may have been cancelled */
        if (!shout(document.value, flowrun_bytes_of((flowrun_buffer *)executor), &answer)) status = FLOWRUN_INTERNAL;
    }
    if (status == FLOWRUN_OK && !answer.failed) call->host->answer(call, flowrun_bytes_of(&answer), NULL, NULL);
    else status = flowrun_fail(call, status == FLOWRUN_OK ? FLOWRUN_RESOURCE : status, "not all documents were marked");
    free(answer.data);
    return status;
}

static void destroy(void *executor) {
    free(((flowrun_buffer *)executor)->data), free(executor);
}

static const flowrun_plugin_table table = {
    sizeof table, FLOWRUN_ABI_VERSION, flowrun_describe, create, execute, NULL, destroy,
};

const flowrun_plugin_table *flowrun_plugin(const flowrun_host *host) {
    return host->abi_version == FLOWRUN_ABI_VERSION ? &table : NULL;
}
