import Foundation

/// A user as the kernel knows it.
struct UserID {
    let value: uid_t

    /// Takes a uid in decimal, or the name of a user of this machine.
    init(_ text: String) throws {
        // The greatest uid stands for none (chown(2)).
        if let number = uid_t(text), number < .max, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            value = number
        } else if let entry = getpwnam(text) {
            value = entry.pointee.pw_uid
        } else {
            throw CommandFailure.wrongConfiguration("\(text) is no user of this machine")
        }
    }
}
