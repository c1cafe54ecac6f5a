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
