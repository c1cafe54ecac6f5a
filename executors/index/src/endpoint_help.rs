//! Documentation of the endpoints of indexers. `docs/index.md` lists the same.

use flowrun_sdk::{EndpointHelp, ParameterHelp};

const TOP_K: ParameterHelp = ParameterHelp::new("top_k", "integer", "number of matches per document");
const LIMIT: ParameterHelp = ParameterHelp::new("limit", "integer", "maximum of returned documents");
const FILTER: ParameterHelp = ParameterHelp::new(
    "filter",
    "object",
    "condition on tags and fields, for example `{\"year\": {\"$gt\": 2000}}`",
);
const TIME_TO_LIVE: ParameterHelp = ParameterHelp::new(
    "time_to_live",
    "number",
    "seconds after which the documents expire; needs `expires` in the flow",
);

/// Endpoints of the document store.
pub(crate) fn document_store() -> Vec<EndpointHelp> {
    let search = "completes matches with the stored documents that have their ids";
    let mut help = shared();
    help.push(EndpointHelp::new("/search", search, []));
    help
}

/// Endpoints of the vector indexers.
pub(crate) fn vector_indexer() -> Vec<EndpointHelp> {
    let mut help = shared();
    help.extend([
        EndpointHelp::new(
            "/search",
            "finds the stored documents that are most similar to each document, as its matches",
            [
                TOP_K,
                ParameterHelp::new("max_distance", "number", "largest distance of a match"),
                FILTER,
                ParameterHelp::new("n_probe", "integer", "inverted lists to search"),
                ParameterHelp::new("ef_search", "integer", "candidates of a graph search"),
                ParameterHelp::new("rerank", "integer", "candidates to compare exactly"),
                ParameterHelp::new("probe", "integer", "number of nearest shards to search"),
            ],
        ),
        EndpointHelp::new(
            "/filter",
            "returns stored documents that match a filter, ordered by id or by a tag",
            [
                FILTER,
                LIMIT,
                ParameterHelp::new("offset", "integer", "number of matching documents to skip"),
                ParameterHelp::new("order_by", "string", "tag to order by"),
                ParameterHelp::new("ascending", "boolean", "small values first; default: true"),
            ],
        ),
        EndpointHelp::new(
            "/fill_embedding",
            "sets the embedding of each document from the vector stored under its id",
            [],
        ),
        EndpointHelp::new(
            "/backup",
            "writes a backup in the workspace",
            [ParameterHelp::new("target_name", "string", "name of the backup")],
        ),
        EndpointHelp::new(
            "/restore",
            "replaces the stored documents by those of a backup",
            [ParameterHelp::new("source_name", "string", "name of the backup")],
        ),
    ]);
    help
}

/// Endpoints that the document store and the vector indexers have in common.
fn shared() -> Vec<EndpointHelp> {
    vec![
        EndpointHelp::new(
            "/index",
            "stores documents; a document replaces the stored one with its id",
            [TIME_TO_LIVE],
        ),
        EndpointHelp::new(
            "/update",
            "replaces stored documents and inserts none",
            [
                ParameterHelp::new(
                    "partial",
                    "boolean",
                    "keeps the fields and tags that the request does not contain",
                ),
                TIME_TO_LIVE,
            ],
        ),
        EndpointHelp::new(
            "/delete",
            "deletes the documents of the request, by id or by filter",
            [
                ParameterHelp::new("ids", "array", "ids of documents, in addition to those of the request"),
                FILTER,
            ],
        ),
        EndpointHelp::new("/get", "returns stored documents by id", []),
        EndpointHelp::new(
            "/list",
            "returns stored documents in the order of ids",
            [LIMIT, ParameterHelp::new("cursor", "string", "the result `cursor` of the page before"), FILTER],
        ),
        EndpointHelp::new("/count", "counts stored documents, or those that match a filter", [FILTER]),
        EndpointHelp::new(
            "/status",
            "reports the state of each shard",
            [ParameterHelp::new("settled", "boolean", "waits until the index covers every vector")],
        ),
        EndpointHelp::new("/clear", "deletes all documents", []),
    ]
}
