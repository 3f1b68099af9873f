/// A listener could not be opened.
package struct ListenerError: Error {
    package let address: ListenAddress
    package let reason: String
}
