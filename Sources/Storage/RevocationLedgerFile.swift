import Foundation
import JOSE
package import Keys

/// The ledger of revocations: one JSON object a line, only ever appended to, in a file of its own beside the store or
/// wherever the operator keeps it.
package struct RevocationLedgerFile: RevocationLedger {
    private static let maximumBytes = 16_777_216
    private let path: String

    package init(path: String) {
        self.path = path
    }

    /// A line that is not ours is an error: what can't be read might revoke.
    package func revocations() throws(RevocationLedgerError) -> Set<Revocation> {
        try explaining { try read() }
    }

    package func add(_ revocations: Set<Revocation>, at now: NumericDate) throws(RevocationLedgerError) {
        try explaining { try append(revocations, at: now) }
    }

    private func explaining<Value>(_ body: () throws -> Value) throws(RevocationLedgerError) -> Value {
        do {
            return try body()
        } catch {
            throw RevocationLedgerError(
                explanation: ByteString("\(error as? StoreFileError ?? .system(path, "it cannot be read or written"))")
            )
        }
    }

    private func read() throws -> Set<Revocation> {
        let bytes = try readable()
        // What follows the last line's end was never acknowledged.
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast()
        return Set(
            try lines.filter { $0.last != Self.abandoned }.map { line in
                guard let revocation = Revocation(line: Array(line)) else { throw StoreFileError.ledgerMalformed(path) }
                return revocation
            }
        )
    }

    private func append(_ revocations: Set<Revocation>, at now: NumericDate) throws {
        let new = revocations.subtracting(try read())
        guard !new.isEmpty else { return }
        let isTorn = try readable().last.map { $0 != 0x0A }
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StoreFileError.system(path, String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var text: [UInt8] = isTorn == true ? [Self.abandoned, 0x0A] : []
        for revocation in new { text += revocation.line(at: now) + [0x0A] }
        guard write(descriptor, text, text.count) == text.count, fsync(descriptor) == 0 else {
            throw StoreFileError.system(path, String(cString: strerror(errno)))
        }
        FileOwner.adopt(path)
        DurableFile.syncFolder(of: path)
    }

    /// Empty where there is no file; a link, to nowhere or anywhere, is an error.
    private func readable() throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return [] }
            throw StoreFileError.system(path, String(cString: strerror(errno)))
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        let data = try handle.read(upToCount: Self.maximumBytes + 1) ?? Data()
        guard data.count <= Self.maximumBytes else {
            throw StoreFileError.system(path, "it is larger than \(Self.maximumBytes) bytes")
        }
        return [UInt8](data)
    }

    /// Ends a line that was torn by a crash, and that nobody was told was written.
    private static let abandoned = UInt8(ascii: "#")
}

extension Revocation {
    fileprivate func line(at now: NumericDate) -> [UInt8] {
        var object = JSONObject([("at", .string(now.internetDate))])
        switch self {
        case .key(let kid): object["key"] = .string(kid)
        case .credential(let digest): object["credential"] = .string(digest)
        }
        return object.serialized
    }

    fileprivate init?(line: [UInt8]) {
        guard case .object(let object)? = try? JSONReader.read(line) else { return nil }
        if case .string(let kid)? = object["key"] {
            self = .key(kid)
        } else if case .string(let digest)? = object["credential"] {
            self = .credential(digest)
        } else {
            return nil
        }
    }
}
