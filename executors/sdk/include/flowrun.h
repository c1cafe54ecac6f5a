/*
 * Interface of flowrun's plugins, for C and every language that can be called from C.
 *
 * A library exports one function, `flowrun_plugin`, and contains a note that describes its executors (FLOWRUN_NOTE).
 * The function receives the host's table of functions and returns the plugin's, or null.
 *
 * Ownership never crosses the interface: arguments are valid until the function returns, unless its description states
 * otherwise, and memory is freed by the side that allocated it.
 *
 * Functions that can fail return FLOWRUN_OK or the kind of error, after the cause was reported by a function of the
 * host. A C++ exception must not leave a function of the plugin.
 *
 *     cc -shared -fPIC -I DIRECTORY-OF-THIS-FILE -o libmine.so mine.c
 *     flowrun plugin check libmine.so
 *
 * Generated from executors/sdk/src/abi/table.rs; do not edit.
 */

#ifndef FLOWRUN_H
#define FLOWRUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 Version of this interface. Libraries of another version are not loaded.
 */
#define FLOWRUN_ABI_VERSION 1

/*
 Success.
 */
#define FLOWRUN_OK 0

/*
 The content of a document cannot be processed: unreadable, truncated, too large, of the wrong type or shape.
 */
#define FLOWRUN_INPUT 1

/*
 A parameter has the wrong type or value.
 */
#define FLOWRUN_PARAMETER 2

/*
 A resource failed or is exhausted: a file, a disk, a connection, the memory of the request.
 */
#define FLOWRUN_RESOURCE 3

/*
 The client cancelled the request.
 */
#define FLOWRUN_CANCELLED 4

/*
 The deadline of the request passed.
 */
#define FLOWRUN_EXPIRED 5

/*
 A defect of the executor.
 */
#define FLOWRUN_INTERNAL 6

/*
 The executor panicked and cannot be called again: the host destroys it and creates another.
 */
#define FLOWRUN_PANIC 7

/*
 Logging is off.
 */
#define FLOWRUN_LOG_OFF 0

/*
 Log level of errors.
 */
#define FLOWRUN_LOG_ERROR 1

/*
 Log level of warnings.
 */
#define FLOWRUN_LOG_WARN 2

/*
 Log level of events in normal operation.
 */
#define FLOWRUN_LOG_INFO 3

/*
 Log level for debugging.
 */
#define FLOWRUN_LOG_DEBUG 4

/*
 Log level of all details.
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
 Borrowed bytes. A text is UTF-8 and not terminated by a zero. `data` may be null if `length` is zero.
 */
typedef struct flowrun_bytes {
    /*
     Address of the first byte.
     */
    const uint8_t *data;
    /*
     Number of bytes.
     */
    size_t length;
} flowrun_bytes;

/*
 One call. Valid until `execute` or `close` returns.
 */
typedef struct flowrun_call {
    /*
     Size of this structure in bytes.
     */
    size_t size;
    /*
     Functions of the host.
     */
    const struct flowrun_host *host;
    /*
     Handle of the call, for use by the host alone.
     */
    void *handle;
    /*
     Id of the request, as in logs.
     */
    struct flowrun_bytes request;
    /*
     Endpoint of the request, for example `/index`.
     */
    struct flowrun_bytes endpoint;
    /*
     Parameters of the request, as a JSON object.
     */
    struct flowrun_bytes parameters;
    /*
     Documents, as a `DocumentArrayProto` of docarray's first schema.
     */
    struct flowrun_bytes documents;
    /*
     Number of documents.
     */
    uint64_t count;
    /*
     Bytes of memory that the documents occupy.
     */
    uint64_t memory;
    /*
     `true` if every document has an id.
     */
    bool named;
    /*
     Nanoseconds until the deadline, from the beginning of the call; `UINT64_MAX` for no deadline.
     */
    uint64_t remaining_ns;
    /*
     Bytes of memory that the documents may occupy.
     */
    uint64_t bytes_max;
} flowrun_call;

/*
 Functions of the host. Valid until the process ends.

 `log`, `check`, `count`, `gauge` and `condition` may be called on any thread: with a site until the executor is
 destroyed, with a call until the call returns. The other functions must be called on the thread that the host called.
 */
typedef struct flowrun_host {
    /*
     Size of this table in bytes. Later versions append to it: check the size before you use a later field.
     */
    size_t size;
    /*
     `FLOWRUN_ABI_VERSION` of the host.
     */
    uint32_t abi_version;
    /*
     Most detailed level that is logged: one of `FLOWRUN_LOG_…`.
     */
    uint32_t log_level;
    /*
     Writes a line to the log of the flow, which adds the pod and the request. `target` is the module of the plugin that
     logs, and may be empty.
     */
    void (*log)(uint32_t level, struct flowrun_bytes target, struct flowrun_bytes message);
    /*
     Reports why `flowrun_plugin` is about to return null: the kind of error and the cause.
     */
    void (*unusable)(uint32_t kind, struct flowrun_bytes reason);
    /*
     Reports why `create` is about to fail. `parameter` is the name of the invalid parameter, or empty.
     */
    void (*refuse)(void *site, struct flowrun_bytes parameter, struct flowrun_bytes reason);
    /*
     Increases a counter. Its name consists of lower-case letters, digits and underscores, and ends in `_total`.
     */
    void (*count)(void *site, struct flowrun_bytes name, struct flowrun_bytes help, uint64_t more);
    /*
     Sets a gauge. Its name consists of lower-case letters, digits and underscores, with the unit last.
     */
    void (*gauge)(void *site, struct flowrun_bytes name, struct flowrun_bytes help, double value);
    /*
     Reports why the executor is unhealthy, so that the flow is not ready; an empty reason reports that it is healthy.
     */
    void (*condition)(void *site, struct flowrun_bytes reason);
    /*
     Checks deadline and cancellation of a call: `FLOWRUN_OK`, `FLOWRUN_CANCELLED` or `FLOWRUN_EXPIRED`.
     */
    uint32_t (*check)(const struct flowrun_call *call);
    /*
     Replaces the documents of the call by a `DocumentArrayProto`. A call without an answer keeps its documents. If
     `release` is null, the bytes are copied before this returns. Otherwise they must stay valid until the host calls
     `release(owner)`, once, on any thread. Returns `FLOWRUN_OK`, or `FLOWRUN_INTERNAL` if the bytes are not documents;
     the call then fails.
     */
    uint32_t (*answer)(const struct flowrun_call *call,
                       struct flowrun_bytes documents,
                       void (*release)(void *owner),
                       void *owner);
    /*
     Reports the cause of the error that `execute` or `close` is about to return.
     */
    void (*fail)(const struct flowrun_call *call, uint32_t kind, struct flowrun_bytes reason);
    /*
     Fails the documents with that id; all other documents succeed. The answer may still contain failed documents.
     */
    void (*fail_document)(const struct flowrun_call *call,
                          struct flowrun_bytes id,
                          uint32_t kind,
                          struct flowrun_bytes reason);
    /*
     Sets a result besides the documents: a name, and a value as JSON. Clients receive it in `__results__`.
     */
    void (*result)(const struct flowrun_call *call, struct flowrun_bytes name, struct flowrun_bytes value);
    /*
     Keeps the documents of the call valid after it returns. The returned handle is passed to `release_documents`, on any
     thread.
     */
    void *(*keep_documents)(const struct flowrun_call *call);
    /*
     Releases a handle of `keep_documents`.
     */
    void (*release_documents)(void *kept);
} flowrun_host;

/*
 Input of `create`. Valid until `create` returns; `host` and `site` until the executor is destroyed.
 */
typedef struct flowrun_build {
    /*
     Size of this structure in bytes.
     */
    size_t size;
    /*
     Functions of the host.
     */
    const struct flowrun_host *host;
    /*
     Handle by which the host's functions identify this executor.
     */
    void *site;
    /*
     Name of the executor to create.
     */
    struct flowrun_bytes executor;
    /*
     Parameters under `with:`, as a JSON object, checked against the table in the note.
     */
    struct flowrun_bytes parameters;
    /*
     Name of the pod.
     */
    struct flowrun_bytes pod;
    /*
     Directory that the executor may write to; it may not exist yet. Replicas share it, shards do not.
     */
    struct flowrun_bytes workspace;
    /*
     Directory of the YAML file that names the executor; relative paths among its parameters start here.
     */
    struct flowrun_bytes directory;
    /*
     Number of the shard, from 0.
     */
    uint64_t shard;
    /*
     Number of shards of the pod.
     */
    uint64_t shards;
    /*
     Number of the replica within its shard, from 0.
     */
    uint64_t replica;
    /*
     Number of threads that the executor may keep busy.
     */
    uint64_t threads;
    /*
     Maximum number of concurrent calls, if `concurrent` is set.
     */
    uint64_t concurrency;
    /*
     Number that is the same for all replicas of one shard, so that they can share state.
     */
    uint64_t shared;
    /*
     `true` if the flow promised not to change stored data.
     */
    bool read_only;
} flowrun_build;

/*
 Output of `create`. The host fills it with zeros first.
 */
typedef struct flowrun_made {
    /*
     Size of this structure in bytes.
     */
    size_t size;
    /*
     Handle of the executor, the argument of the other functions.
     */
    void *executor;
    /*
     Endpoints that the executor handles, as a JSON list of strings; empty for all. Valid until the executor is destroyed.
     */
    struct flowrun_bytes endpoints;
    /*
     Order of the matches that the executor finds: one of `FLOWRUN_ORDER_…`.
     */
    uint32_t order;
    /*
     `true` if `execute` may be called on several threads at the same time.
     */
    bool concurrent;
    /*
     Number of matches per document, unless the request sets another.
     */
    uint64_t top_k;
} flowrun_made;

/*
 Functions of a library. The table must stay valid until the process ends.
 */
typedef struct flowrun_plugin_table {
    /*
     Size of this table in bytes.
     */
    size_t size;
    /*
     `FLOWRUN_ABI_VERSION` of the plugin.
     */
    uint32_t abi_version;
    /*
     Returns the JSON of the note.
     */
    struct flowrun_bytes (*describe)(void);
    /*
     Creates an executor. Returns `FLOWRUN_OK`, or a kind of error after it reported the cause with `refuse`.
     */
    uint32_t (*create)(const struct flowrun_build *build, struct flowrun_made *made);
    /*
     Executes one call. Returns `FLOWRUN_OK`, or a kind of error after it reported the cause with `fail`.
     */
    uint32_t (*execute)(void *executor, const struct flowrun_call *call);
    /*
     Writes out data that is still in memory. Called once, after the last call, with a call without documents. Returns
     like `execute`. May be null.
     */
    uint32_t (*close)(void *executor, const struct flowrun_call *call);
    /*
     Destroys the executor and frees its memory.
     */
    void (*destroy)(void *executor);
} flowrun_plugin_table;

#endif  /* FLOWRUN_H */

#ifdef __cplusplus
extern "C" {
#endif

/* The function that a library exports. It receives the host's table and returns its own, which stays valid until the
 * process ends; or null, after the cause was reported by `unusable`. */
#if defined(_WIN32)
__declspec(dllexport)
#else
__attribute__((visibility("default")))
#endif
const flowrun_plugin_table *flowrun_plugin(const flowrun_host *host);

#ifdef __cplusplus
}
#endif

/* --- Helper functions for plugins in C ------------------------------------------------------------------------------ */

/*
 * Defines the note that describes the library, readable without executing it. Used once, outside of any function:
 *
 *     FLOWRUN_NOTE("{\"sdk\": \"c\", \"executors\": [{\"name\": \"Mine\", \"summary\": \"Appends a suffix.\", \"parameters\": ["
 *                  "{\"name\": \"suffix\", \"type\": \"text\", \"default\": \"!\", \"doc\": \"The suffix.\"}]}]}");
 *
 * Types are boolean, integer (least, most), number, text, path, seconds, access_paths, choice (words), optional (of),
 * list (of), array (of, length), mapping, any and other (meant). A required parameter has "required": true instead of a
 * default. The macro also defines `flowrun_describe`, for the table.
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

/* Converts a text that ends with a zero. */
static inline flowrun_bytes flowrun_text(const char *text) {
    flowrun_bytes bytes = {(const uint8_t *)text, strlen(text)};
    return bytes;
}

/* Fails a call: `return flowrun_fail(call, FLOWRUN_INPUT, "the document has no text");` */
static inline uint32_t flowrun_fail(const flowrun_call *call, uint32_t kind, const char *reason) {
    call->host->fail(call, kind, flowrun_text(reason));
    return kind;
}

/* Finds the value of a key of a JSON object, as JSON; false if there is none, or the object is not JSON before its end. */
static inline bool flowrun_member(flowrun_bytes object, const char *key, flowrun_bytes *value) {
    const uint8_t *at = object.data, *end = at + object.length, *start = NULL, *name = NULL;
    size_t depth = 0, name_length = 0, wanted = strlen(key);
    for (; at < end; at++) {
        bool closes = *at == '}' || *at == ']';
        if (start != NULL && depth == 1 && (*at == ',' || closes)) {
            if (name != NULL && name_length == wanted && memcmp(name, key, wanted) == 0) {
                while (start < at && (*start == ' ' || *start == '\n' || *start == '\t' || *start == '\r')) start++;
                value->data = start;
                value->length = (size_t)(at - start);
                return true;
            }
            start = NULL;
        }
        if (*at == '"') {
            const uint8_t *text = ++at;
            for (; at < end && *at != '"'; at++) {
                if (*at == '\\' && at + 1 < end) at++;
            }
            if (at == end) return false;
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

/* A field of a protobuf message. */
typedef struct flowrun_field {
    uint32_t number;
    /* The payload of strings, bytes and messages; the encoding of a number. */
    flowrun_bytes value;
    /* The encoded field, with its key. */
    flowrun_bytes whole;
} flowrun_field;

/* Reads a varint; false if it is truncated. */
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

/* Reads the next field; false at the end. `rest->length` is not zero then if the message is malformed. */
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

/* A growing buffer. Initialize it with zeros, and free `data` in the end. */
typedef struct flowrun_buffer {
    uint8_t *data;
    size_t length, capacity;
    /* Set if memory could not be allocated; the content is incomplete then. */
    bool failed;
} flowrun_buffer;

/* Appends bytes. */
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

/* Borrows the content. */
static inline flowrun_bytes flowrun_bytes_of(const flowrun_buffer *buffer) {
    flowrun_bytes bytes = {buffer->data, buffer->length};
    return bytes;
}

/* Appends a varint. */
static inline void flowrun_append_varint(flowrun_buffer *buffer, uint64_t number) {
    uint8_t bytes[10];
    flowrun_bytes written = {bytes, 0};
    do {
        bytes[written.length++] = (uint8_t)(number & 127) | (number > 127 ? 128 : 0);
        number >>= 7;
    } while (number > 0);
    flowrun_append(buffer, written);
}

/* Appends a field with a string, bytes or a message. */
static inline void flowrun_append_field(flowrun_buffer *buffer, uint32_t number, flowrun_bytes payload) {
    flowrun_append_varint(buffer, (uint64_t)number << 3 | 2);
    flowrun_append_varint(buffer, payload.length);
    flowrun_append(buffer, payload);
}
