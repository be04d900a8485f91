using Platform.Testing;

namespace Platform.Local;

/// <summary>What a service needs around it.</summary>
/// <param name="Name">Lower case; also the name of its database, its role and its user at the broker.</param>
/// <param name="Settings">Its own settings, beside those that every service has.</param>
internal sealed record LocalServiceNeeds(string Name, Func<LocalStack, Dictionary<string, string?>> Settings)
{
    public bool HasDatabase { get; init; } = true;

    public bool ServesGrpc { get; init; } = true;

    /// <summary>Queues and exchanges of the telemetry bus that it may touch, as a regular expression.</summary>
    public string Telemetry { get; init; } = "";
}

/// <summary>The suite. A new service is one entry here.</summary>
internal static class LocalServices
{
    private static readonly string PortalFiles = Repository.Path("services", "portal", "dist");

    public static IReadOnlyList<LocalServiceNeeds> All { get; } =
    [
        new("accounts", stack => new()
        {
            ["Accounts__FirstOperator__Email"] = stack.FirstOperator.Email,
            ["Accounts__FirstOperator__Password"] = stack.FirstOperator.Password,
        }),
        new("detection", _ => new()
        {
            ["Anomalies__QuietFor"] = "00:00:05", // a demo need not wait
            ["Windows__Heartbeat"] = "00:00:05", // one busy machine for everything: slow is not dead
        }) { Telemetry = @"telemetry\..*" },
        new("ingestion", stack => new()
        {
            ["Flows__Listen"] = $"127.0.0.1:{stack.Ports["flows"]}",
        }) { Telemetry = @"telemetry\..*" },
        new("mitigation", stack => new()
        {
            ["Bgp__Speakers__0__Name"] = "gobgp",
            ["Bgp__Speakers__0__Address"] = stack.Speaker.Api.ToString(),
            ["Bgp__Speakers__0__FlowSpec"] = "true",
            ["Mitigations__Hold"] = "00:00:05",
            // The recorded attack is short: what does not help is left sooner.
            ["Mitigations__Patience"] = "00:00:03",
            ["Mitigations__BlackholeFrom"] = "Low", // all steps are to be seen, also of what is small here
            ["Effects__FlowsShowDrops"] = "true", // what is exported here is what comes past the filters
            ["Effects__Settle"] = "00:00:00",
            ["Effects__Window"] = "00:00:02",
        }) { Telemetry = @"telemetry\..*" },
        new("reporting", _ => []),
        new("retention", _ => []),
        new("notifications", _ => []),
        new("gateway", stack => new(LocalServices.All!.Where(s => s.ServesGrpc).Select(s =>
            KeyValuePair.Create($"Services__{char.ToUpperInvariant(s.Name[0])}{s.Name[1..]}", (string?)stack.GrpcAddress(s.Name).ToString())))
        {
            ["Listen__Public"] = $"127.0.0.1:{stack.Ports["portal"]}",
            ["Caller__SigningKeyFile"] = stack.SigningKeyFile,
            ["Session__KeyFolder"] = stack.SessionKeyFolder,
            // Unset, the gateway serves the API only.
            ["Portal__Path"] = Directory.Exists(PortalFiles) ? PortalFiles : null,
        }) { HasDatabase = false, ServesGrpc = false },
    ];

    /// <summary>Those whose program is there.</summary>
    public static IReadOnlyList<LocalServiceNeeds> Built { get; } =
        [.. All.Where(service => Directory.Exists(LocalService.ProgramFolder(service.Name)))];
}
