import Foundation
package import JOSE

extension PublicationError {
    /// A stable name for programs.
    package var reason: ByteString {
        switch self {
        case .folderMissing: "folder_missing"
        case .folderWritableByEveryone: "folder_writable_by_everyone"
        case .foreignOwner: "foreign_owner"
        case .notPlain: "not_plain"
        case .busy: "busy"
        case .fileTooLarge: "file_too_large"
        case .system: "system"
        case .unreachable: "unreachable"
        case .noAnswerInTime: "no_answer_in_time"
        case .answerTooLarge: "answer_too_large"
        case .redirected: "redirected"
        case .writeRefused: "write_refused"
        case .writeFailed: "write_failed"
        case .refusedByS3: "refused_by_s3"
        case .notReadable: "not_readable"
        case .otherBytes: "other_bytes"
        case .otherContentType: "other_content_type"
        case .keysUnreadable: "keys_unreadable"
        }
    }

    /// One sentence that says how to mend it.
    package var explanation: String {
        switch self {
        case .folderMissing(let path): "\(path) is not there; make the folder first"
        case .folderWritableByEveryone(let path):
            "everyone on this machine could replace the keys in \(path); run: chmod o-w \(path)"
        case .foreignOwner(let path): "\(path) belongs to another user; find out who made it, and remove it"
        case .notPlain(let path): "\(path) is a link or no plain file or folder; find out who made it, and remove it"
        case .busy(let path): "another publish holds \(path); try again when it has ended"
        case .fileTooLarge(let path): "\(path) is larger than 1 MiB; look for another writer"
        case .system(let path, let errno): "\(path): \(String(cString: strerror(errno)))"
        case .unreachable(let url): "\(url) cannot be reached; check the address, the network and the certificate"
        case .noAnswerInTime(let url): "\(url) gave no answer in time; is it the right address, and is the server up?"
        case .answerTooLarge(let url): "\(url) answered more than 1 MiB; is it the right address?"
        case .redirected(let url): "\(url) answered with a redirect, which is not followed; configure the final address"
        case .writeRefused(let url, let status):
            "\(url) refused the file with status \(status); check the credentials and what they may write"
        case .writeFailed(let url, let status):
            "\(url) did not take the file and answered \(status); let the server accept PUT there and make folders"
        case .refusedByS3(let url, let code): "\(url) was refused with \(code.rawValue); \(code.explanation)"
        case .notReadable(let url, let status):
            "\(url) answers \(status) instead of the file; let everyone read what lies there"
        case .otherBytes(let location):
            "\(location) holds other bytes than were written; look for another writer, another root folder or a cache"
        case .otherContentType(let location, let type):
            "\(location) is served as \(Self.shown(type)); let the server say Content-Type: application/json"
        case .keysUnreadable(let location): "\(location) is no JWK Set that can be read"
        }
    }

    /// Types that servers give to files they know nothing about.
    ///
    /// No others are shown: a server could answer with the credential that it was sent.
    private static let usualTypes: Set<ByteString> = [
        "application/octet-stream", "binary/octet-stream", "text/plain", "text/html", "application/xml", "text/xml",
    ]

    private static func shown(_ type: ByteString) -> String {
        type.isEmpty ? "nothing in particular" : usualTypes.contains(type) ? type.string : "another type"
    }
}
