using Platform.EventStore;

namespace Platform.Ingestion.Exporters;

internal static class ExporterRejections
{
    public static Rejection Unknown { get; } = new(
        RejectionKind.NotFound, "exporter-not-found", "There is no such exporter.", "No exporter is registered with this address.");

    public static Rejection NameInvalid(int longest) => new(
        RejectionKind.Invalid, "exporter-name-invalid", "The name of the exporter is not usable.", $"Give it 1 to {longest} characters.");

    public static Rejection ProtocolInvalid(string protocol, IEnumerable<string> known) => new(
        RejectionKind.Invalid,
        "exporter-protocol-invalid",
        "The expected protocol of the exporter is not one that we read.",
        $"'{protocol}' is none of {string.Join(", ", known)}; leave it empty for any.");

    public static Rejection PageSizeOutOfRange(int pageSize) => new(
        RejectionKind.Invalid,
        "page-size-out-of-range",
        "The page size is out of range.",
        $"{pageSize} is not from 1 to {ListExporters.GreatestPageSize}; 0 stands for {ListExporters.DefaultPageSize}.");

    public static Rejection PageTokenInvalid { get; } = new(
        RejectionKind.Invalid,
        "page-token-invalid",
        "The page token was not given out here.",
        "Ask for the first page without a token, and for the next one with the token of the answer.");

    public static Rejection AddressInvalid(string address) => new(
        RejectionKind.Invalid,
        "exporter-address-invalid",
        "The address of the exporter is not usable.",
        $"'{address}' is not one device's IPv4 or IPv6 address in its usual form, for example 192.0.2.1 or 2001:db8::1.");
}
