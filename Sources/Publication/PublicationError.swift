package import JOSE

/// Why a place does not hold what was to be published.
///
/// The paths and URLs are those that the operator configured; no sentence repeats a credential or a server's own words.
package enum PublicationError: Error, Hashable, Sendable {
    // On the disk.
    case folderMissing(String)
    case folderWritableByEveryone(String)
    case foreignOwner(String)
    case notPlain(String)
    case busy(String)
    case fileTooLarge(String)
    case system(String, errno: Int32)

    // On the way.
    case unreachable(String)
    case noAnswerInTime(String)
    case answerTooLarge(String)
    case redirected(String)
    case writeRefused(String, status: UInt)
    case writeFailed(String, status: UInt)
    case refusedByS3(String, S3ErrorCode)

    // Read back.
    case notReadable(String, status: UInt)
    case otherBytes(String)
    case otherContentType(String, ByteString)
    case keysUnreadable(String)
}
