/// The place of the admin socket in the file system.
enum AdminSocket {
    /// Removes the socket that a dead process left; anything else at the path is refused.
    static func makeRoom(at path: String) throws {
        try SocketFile.makeRoom(at: path, option: "--admin")
    }
}
