/*
 * A plugin of flowrun in C, or in anything that can be called from C.
 *
 * A library exports one function, `flowrun_plugin`, and carries a note that says what it offers (FLOWRUN_NOTE). The
 * function is given the host's table and returns the plugin's, or null.
 *
 * Nothing changes its owner: what a function is given is valid until it returns, unless its description says
 * otherwise, and whoever made something frees it.
 *
 * Functions that can fail return FLOWRUN_OK or the kind of error; the words for it are told before, by a function of
 * the host. A C++ exception must not leave a function of the plugin.
 *
 *     cc -shared -fPIC -I DIRECTORY-OF-THIS-FILE -o libmine.so mine.c
 *     flowrun plugin check libmine.so
 *
 * Made from executors/sdk/src/abi/table.rs; do not edit.
 */

#ifndef FLOWRUN_H
#define FLOWRUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 The version of this interface. A library of another version is not loaded.
 */
#define FLOWRUN_ABI_VERSION 1

/*
 It went well.
 */
#define FLOWRUN_OK 0

/*
 A document's content cannot be processed: unreadable, truncated, too large, of the wrong type or shape.
 */
#define FLOWRUN_INPUT 1

/*
 A parameter has the wrong type or value.
 */
#define FLOWRUN_PARAMETER 2

/*
 Something outside failed: a file, a disk, a connection.
 */
#define FLOWRUN_RESOURCE 3

/*
 The request was given up by the one who asked.
 */
#define FLOWRUN_CANCELLED 4

/*
 The request's deadline passed.
 */
#define FLOWRUN_EXPIRED 5

/*
 A defect in the executor.
 */
#define FLOWRUN_INTERNAL 6

/*
 The executor is in no state to be called again: it is destroyed and created anew.
 */
#define FLOWRUN_PANIC 7

/*
 Nothing is logged.
 */
#define FLOWRUN_LOG_OFF 0

/*
 For what went wrong.
 */
#define FLOWRUN_LOG_ERROR 1

/*
 For what may go wrong.
 */
#define FLOWRUN_LOG_WARN 2

/*
 For what happens.
 */
#define FLOWRUN_LOG_INFO 3

/*
 For those who look for a mistake.
 */
#define FLOWRUN_LOG_DEBUG 4

/*
 For everything.
 */
#define FLOWRUN_LOG_TRACE 5

/*
 The executor finds no matches.
 */
#define FLOWRUN_ORDER_NONE 0

/*
 Matches with small scores come first.
 */
#define FLOWRUN_ORDER_ASCENDING 1

/*
 Matches with large scores come first.
 */
#define FLOWRUN_ORDER_DESCENDING 2

/*
 Bytes that somebody else owns. A text is UTF-8 and is not terminated by a zero; without any, `data` may be null.
 */
typedef struct flowrun_bytes {
    /*
     The first byte.
     */
    const uint8_t *data;
    /*
     How many there are.
     */
    size_t length;
} flowrun_bytes;

/*
 One call. Valid until `execute` returns.
 */
typedef struct flowrun_call {
    /*
     Bytes of this structure.
     */
    size_t size;
    /*
     What the host does.
     */
    const struct flowrun_host *host;
    /*
     The host's own.
     */
    void *handle;
    /*
     What names the request in logs.
     */
    struct flowrun_bytes request;
    /*
     The path of the request, for example `/index`.
     */
    struct flowrun_bytes endpoint;
    /*
     The parameters of the request, as a JSON object.
     */
    struct flowrun_bytes parameters;
    /*
     The documents: a `DocumentArrayProto` of docarray's first schema.
     */
    struct flowrun_bytes documents;
    /*
     How many documents there are.
     */
    uint64_t count;
    /*
     Bytes of memory that they hold.
     */
    uint64_t memory;
    /*
     Whether each has an id.
     */
    bool named;
    /*
     Nanoseconds until the request has to be answered, from the beginning of the call; `UINT64_MAX` for no end.
     */
    uint64_t remaining_ns;
    /*
     Bytes of memory that its documents may hold.
     */
    uint64_t bytes_max;
} flowrun_call;

/*
 What the host does for a plugin. Valid until the process ends.

 `log`, `check`, `count`, `gauge` and `condition` may be called on any thread: those that take a site until the
 executor is destroyed, those that take a call until it returns. The others are called on the thread that the host
 called.
 */
typedef struct flowrun_host {
    /*
     Bytes of this table. Later versions append to it: look before you reach beyond what you know.
     */
    size_t size;
    /*
     `FLOWRUN_ABI_VERSION` of the host.
     */
    uint32_t abi_version;
    /*
     The finest level that is logged: one of `FLOWRUN_LOG_…`.
     */
    uint32_t log_level;
    /*
     Writes a line to the log of the flow, which names the pod and the request. `target` is the part of the plugin
     that says it, and may be empty.
     */
    void (*log)(uint32_t level, struct flowrun_bytes target, struct flowrun_bytes message);
    /*
     Says why `flowrun_plugin` is going to return null: one of the kinds of errors, and words.
     */
    void (*unusable)(uint32_t kind, struct flowrun_bytes reason);
    /*
     Says why `create` is going to fail, and which parameter is to blame; an empty name when none is.
     */
    void (*refuse)(void *site, struct flowrun_bytes parameter, struct flowrun_bytes reason);
    /*
     Adds to the counter of that name: small letters, digits and underscores, ending in `_total`.
     */
    void (*count)(void *site, struct flowrun_bytes name, struct flowrun_bytes help, uint64_t more);
    /*
     Sets the gauge of that name: small letters, digits and underscores, the unit last.
     */
    void (*gauge)(void *site, struct flowrun_bytes name, struct flowrun_bytes help, double value);
    /*
     Says why the executor cannot do its work for now, so that the flow is not ready; without words, that it can.
     */
    void (*condition)(void *site, struct flowrun_bytes reason);
    /*
     Whether the call is still worth finishing: `FLOWRUN_OK`, `FLOWRUN_CANCELLED` or `FLOWRUN_EXPIRED`.
     */
    uint32_t (*check)(const struct flowrun_call *call);
    /*
     Puts other documents in the place of those of the call: a `DocumentArrayProto`. A call that is not answered
     leaves its documents as they are. With `release` null the bytes are copied before this returns. Otherwise they
     stay as they are until the host calls `release(owner)`, once, on any thread. Returns `FLOWRUN_OK`, or
     `FLOWRUN_INTERNAL` when the bytes are no documents: then the call fails.
     */
    uint32_t (*answer)(const struct flowrun_call *call,
                       struct flowrun_bytes documents,
                       void (*release)(void *owner),
                       void *owner);
    /*
     Says why the call is going to fail: the words behind what `execute` or `close` returns.
     */
    void (*fail)(const struct flowrun_call *call, uint32_t kind, struct flowrun_bytes reason);
    /*
     Sets aside the documents of that id as failed; the others go on. The answer need not leave them out.
     */
    void (*fail_document)(const struct flowrun_call *call,
                          struct flowrun_bytes id,
                          uint32_t kind,
                          struct flowrun_bytes reason);
    /*
     Says something beside the documents: a name, and a value as JSON. Clients find it under `__results__`.
     */
    void (*result)(const struct flowrun_call *call, struct flowrun_bytes name, struct flowrun_bytes value);
    /*
     Keeps the documents of the call valid beyond its return, until `release_documents` is called with what this
     returns, on any thread.
     */
    void *(*keep_documents)(const struct flowrun_call *call);
    /*
     Gives up what `keep_documents` returned.
     */
    void (*release_documents)(void *kept);
} flowrun_host;

/*
 What an executor is created with. Valid until `create` returns; `host` and `site` until the executor is destroyed.
 */
typedef struct flowrun_build {
    /*
     Bytes of this structure.
     */
    size_t size;
    /*
     What the host does.
     */
    const struct flowrun_host *host;
    /*
     Where the executor stands: the host's own.
     */
    void *site;
    /*
     Which executor of the library.
     */
    struct flowrun_bytes executor;
    /*
     What stands under `with:`, as a JSON object. Checked against the table in the note.
     */
    struct flowrun_bytes parameters;
    /*
     The pod that it works in.
     */
    struct flowrun_bytes pod;
    /*
     The directory that is its own to write in; made when first needed. Shards do not share it, replicas do.
     */
    struct flowrun_bytes workspace;
    /*
     The directory of the YAML file that names it; paths among its parameters start from here.
     */
    struct flowrun_bytes directory;
    /*
     Which shard, from 0.
     */
    uint64_t shard;
    /*
     How many shards the pod has.
     */
    uint64_t shards;
    /*
     Which replica of the shard, from 0.
     */
    uint64_t replica;
    /*
     How many threads it may keep busy.
     */
    uint64_t threads;
    /*
     How many calls may be under way at once, if it says that it takes several.
     */
    uint64_t concurrency;
    /*
     The same number for the replicas of one shard, which may share what they hold.
     */
    uint64_t shared;
    /*
     Whether the flow promised not to change stored data.
     */
    bool read_only;
} flowrun_build;

/*
 What `create` made. The host fills it with zeros before.
 */
typedef struct flowrun_made {
    /*
     Bytes of this structure.
     */
    size_t size;
    /*
     What the other functions are called with.
     */
    void *executor;
    /*
     The endpoints that it handles, as a JSON list of texts; empty for every one. Valid until it is destroyed.
     */
    struct flowrun_bytes endpoints;
    /*
     How the matches that it finds are ordered: one of `FLOWRUN_ORDER_…`.
     */
    uint32_t order;
    /*
     Whether `execute` may be called on several threads at once.
     */
    bool concurrent;
    /*
     How many matches it keeps when a request does not say.
     */
    uint64_t top_k;
} flowrun_made;

/*
 What a library does: its own table, which stays where it is until the process ends.
 */
typedef struct flowrun_plugin_table {
    /*
     Bytes of this table.
     */
    size_t size;
    /*
     `FLOWRUN_ABI_VERSION` of the plugin.
     */
    uint32_t abi_version;
    /*
     The JSON of the note: which executors there are, and what they can be told.
     */
    struct flowrun_bytes (*describe)(void);
    /*
     Makes an executor. Returns a kind of error, with the reason by `refuse`.
     */
    uint32_t (*create)(const struct flowrun_build *build, struct flowrun_made *made);
    /*
     Handles one call. Returns a kind of error, with the reason by `fail`.
     */
    uint32_t (*execute)(void *executor, const struct flowrun_call *call);
    /*
     Writes out what is still in memory; called once, after the last call, with a call without documents. May be
     null.
     */
    uint32_t (*close)(void *executor, const struct flowrun_call *call);
    /*
     Frees the executor.
     */
    void (*destroy)(void *executor);
} flowrun_plugin_table;

#endif  /* FLOWRUN_H */

#ifdef __cplusplus
extern "C" {
#endif

/* The one function that a library exports: given the host's table it returns its own, which stays where it is until the
 * process ends; or null, with the reason by `unusable`. */
#if defined(_WIN32)
__declspec(dllexport)
#else
__attribute__((visibility("default")))
#endif
const flowrun_plugin_table *flowrun_plugin(const flowrun_host *host);

#ifdef __cplusplus
}
#endif

/* --- What comes from here on is code, to make a plugin in C short. ------------------------------------------------- */

/*
 * The note: what the library offers, readable without executing it. Once in a library, outside of any function:
 *
 *     FLOWRUN_NOTE("{\"sdk\": \"c\", \"executors\": [{\"name\": \"Mine\", \"summary\": \"Does it.\", \"parameters\": ["
 *                  "{\"name\": \"suffix\", \"type\": \"text\", \"default\": \"!\", \"doc\": \"What to append.\"}]}]}");
 *
 * Types are boolean, integer (least, most), number, text, path, seconds, access_paths, choice (words), optional (of),
 * list (of), array (of, length), mapping, any and other (meant). A parameter without a default that has to be given
 * says "required": true. It also defines `flowrun_describe`, for the table.
 */
#define FLOWRUN_NOTE(text)                                                                                            \
    static const struct {                                                                                             \
        uint32_t name_length, description_length, type;                                                               \
        char name[8];                                                                                                 \
        uint32_t abi_version;                                                                                         \
        char json[(sizeof(text) + 3) / 4 * 4];                                                                        \
    } flowrun_note __attribute__((used, aligned(4), section(".note.flowrun"))) = {                                    \
        8, (sizeof(text) + 3) / 4 * 4 + 4, 1, "flowrun", FLOWRUN_ABI_VERSION, text};                                  \
    static flowrun_bytes flowrun_describe(void) {                                                                     \
        flowrun_bytes json = {(const uint8_t *)flowrun_note.json, sizeof(text) - 1};                                  \
        return json;                                                                                                  \
    }                                                                                                                 \
    struct flowrun_note_needs_a_semicolon

/* A text that ends with a zero. */
static inline flowrun_bytes flowrun_text(const char *text) {
    flowrun_bytes bytes = {(const uint8_t *)text, strlen(text)};
    return bytes;
}

/* Fails a call: `return flowrun_fail(call, FLOWRUN_INPUT, "the document has no text");` */
static inline uint32_t flowrun_fail(const flowrun_call *call, uint32_t kind, const char *reason) {
    call->host->fail(call, kind, flowrun_text(reason));
    return kind;
}

/* The value of a key of a JSON object, as it is written; false when there is none. */
static inline bool flowrun_member(flowrun_bytes object, const char *key, flowrun_bytes *value) {
    const uint8_t *at = object.data, *end = at + object.length, *start = NULL, *name = NULL;
    size_t depth = 0, name_length = 0, wanted = strlen(key);
    for (; at < end; at++) {
        bool closes = *at == '}' || *at == ']';
        if (start != NULL && depth == 1 && (*at == ',' || closes)) {
            if (name_length == wanted && memcmp(name, key, wanted) == 0) {
                while (start < at && (*start == ' ' || *start == '\n' || *start == '\t' || *start == '\r')) start++;
                value->data = start;
                value->length = (size_t)(at - start);
                return true;
            }
            start = NULL;
        }
        if (*at == '"') {
            const uint8_t *text = ++at;
            while (at < end && *at != '"') at += *at == '\\' ? 2 : 1;
            if (depth == 1 && start == NULL) {
                name = text;
                name_length = (size_t)(at - text);
            }
        } else if (*at == ':' && depth == 1 && start == NULL) {
            start = at + 1;
        } else if (*at == '{' || *at == '[') {
            depth++;
        } else if (closes) {
            depth--;
        }
    }
    return false;
}

/* A field of a message: its number, its value, and both as they stand in the message. */
typedef struct flowrun_field {
    uint32_t number;
    /* The payload of texts, bytes and messages; the bytes of a number. */
    flowrun_bytes value;
    flowrun_bytes whole;
} flowrun_field;

/* Reads a number of seven bits a byte; false when it is cut off. */
static inline bool flowrun_varint(flowrun_bytes *rest, uint64_t *number) {
    *number = 0;
    for (unsigned shift = 0; shift < 64 && rest->length > 0; shift += 7) {
        uint8_t byte = *rest->data++;
        rest->length--;
        *number |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return true;
    }
    return false;
}

/* Takes the next field off a message; false at its end, and then `rest->length` is not zero when it is malformed. */
static inline bool flowrun_next(flowrun_bytes *rest, flowrun_field *field) {
    flowrun_bytes left = *rest;
    uint64_t key, length;
    if (left.length == 0 || !flowrun_varint(&left, &key)) return false;
    field->number = (uint32_t)(key >> 3);
    field->value.data = left.data;
    switch (key & 7) {
    case 0: {
        const uint8_t *start = left.data;
        if (!flowrun_varint(&left, &length)) return false;
        left.length += (size_t)(left.data - start);
        length = (uint64_t)(left.data - start);
        left.data = start;
        break;
    }
    case 1: length = 8; break;
    case 2:
        if (!flowrun_varint(&left, &length)) return false;
        field->value.data = left.data;
        break;
    case 5: length = 4; break;
    default: return false;
    }
    if (length > left.length) return false;
    field->value.length = (size_t)length;
    field->whole.data = rest->data;
    field->whole.length = (size_t)(left.data - rest->data) + (size_t)length;
    rest->data = left.data + length;
    rest->length = left.length - (size_t)length;
    return true;
}

/* Bytes that grow. Starts as zeros; `free(buffer.data)` gives them back. */
typedef struct flowrun_buffer {
    uint8_t *data;
    size_t length, capacity;
    /* There was no memory; what was appended since is lost. */
    bool failed;
} flowrun_buffer;

/* Appends bytes as they are. */
static inline void flowrun_append(flowrun_buffer *buffer, flowrun_bytes bytes) {
    if (bytes.length == 0 || buffer->failed) return;
    if (bytes.length > buffer->capacity - buffer->length) {
        size_t capacity = (buffer->length + bytes.length) * 2;
        uint8_t *data = (uint8_t *)realloc(buffer->data, capacity);
        if (data == NULL) {
            buffer->failed = true;
            return;
        }
        buffer->data = data;
        buffer->capacity = capacity;
    }
    memcpy(buffer->data + buffer->length, bytes.data, bytes.length);
    buffer->length += bytes.length;
}

/* What was appended. */
static inline flowrun_bytes flowrun_bytes_of(const flowrun_buffer *buffer) {
    flowrun_bytes bytes = {buffer->data, buffer->length};
    return bytes;
}

/* Appends a number of seven bits a byte. */
static inline void flowrun_append_varint(flowrun_buffer *buffer, uint64_t number) {
    uint8_t bytes[10];
    flowrun_bytes written = {bytes, 0};
    do {
        bytes[written.length++] = (uint8_t)(number & 127) | (number > 127 ? 128 : 0);
        number >>= 7;
    } while (number > 0);
    flowrun_append(buffer, written);
}

/* Appends a field that is a text, bytes or a message. */
static inline void flowrun_append_field(flowrun_buffer *buffer, uint32_t number, flowrun_bytes payload) {
    flowrun_append_varint(buffer, (uint64_t)number << 3 | 2);
    flowrun_append_varint(buffer, payload.length);
    flowrun_append(buffer, payload);
}
