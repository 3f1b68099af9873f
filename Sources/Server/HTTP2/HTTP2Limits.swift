/// What one HTTP/2 connection may hold and do, beside ``RequestLimits``, which hold for each of its requests.
enum HTTP2Limits {
    /// SETTINGS_MAX_CONCURRENT_STREAMS, and requests under way for streams that were reset meanwhile: 100 is the least
    /// that RFC 9113 §6.5.2 recommends.
    static let streams = 100
    /// Bodies that are still being read, all together in bytes: more than a body each for a few streams, not for all.
    static let bodies = 512 * 1024
    /// A header list this large is not even read to its end; one above ``RequestLimits`` is refused by a status.
    static let headerList = 64 * 1024
    /// CONTINUATION frames of one header block (CVE-2024-28182).
    static let continuations = 8
    /// Bytes of answers that are encoded ahead of what the connection takes.
    static let output = 64 * 1024
}
