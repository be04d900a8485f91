using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Platform.Testing;

namespace Platform.Local.Demo;

/// <summary>A recorded attack against the running suite, with each step as it is seen from outside.</summary>
/// <remarks>
/// Seen from outside: over the gateway's REST API, and in the table of the router, which only BGP fills. A step that is not seen in time
/// ends the demo with an error; nothing is taken on trust.
/// </remarks>
internal sealed class DemoRun(LocalStack stack, TextWriter output) : IDisposable
{
    private const string CaptureName = "attack-udp-v9";
    private const string ExporterAddress = "127.0.0.10";
    private const string Prefix = "203.0.113.0/24";
    private const long DeclaredBitsPerSecond = 40_000_000;
    private const string CustomerEmail = "noc@customer.example";

    private readonly GatewayClient _provider = new(stack.Gateway);
    private readonly Capture _capture = Capture.Read(CaptureName);
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly TaskCompletionSource<TimeSpan> _calmEnds = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<TimeSpan> _attackBegins = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<TimeSpan> _attackEnds = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _customerPassword = Secrets.Password();
    private string _tenant = "";

    private CapturedAttack Attack => _capture.Attack ?? throw new InvalidOperationException($"{CaptureName} holds no attack.");

    private string Victim => $"{Attack.Target}/32";

    /// <summary>Plays and watches; gives back what the last line says.</summary>
    public async Task<DemoResult> Run()
    {
        await RegisterCustomer();
        Say($"playing {CaptureName}: {_capture.Datagrams.Count} datagrams, {_capture.Duration.TotalSeconds:0} s, from {ExporterAddress}");
        using var exporter = new Exporter(ExporterAddress, stack.Ports["flows"]);
        var playing = exporter.Play(_capture, Sent, CancellationToken.None);

        await See("the exporter", () => _provider.List("exporters"), all => all.Any(HasSent), 10);
        Say("exporter seen");
        await Or(_calmEnds.Task, playing);
        var calm = await _provider.List($"incidents?tenantId={_tenant}");
        if (calm.Count > 0)
        {
            throw new LocalStackException($"Normal traffic was taken for an attack: {calm[0]}");
        }

        Say("normal traffic so far, and no alarm");
        var begin = await Or(_attackBegins.Task, playing);
        Say("attack begins");

        // Side by side, so that no step's time depends on how long another one was watched.
        var anomalyAt = SeeAt("the anomaly", () => _provider.List($"anomalies?tenantId={_tenant}"), all => all.Count > 0, 10, Anomaly);
        var ruleAt = SeeAt("the rule at the router", () => stack.Router.Rules(), all => all.Any(IsRule), 10, Rule);
        var incidentAt = SeeAt("the incident", () => _provider.List($"incidents?tenantId={_tenant}"), all => all.Count > 0, 10, Incident);
        await Task.WhenAll(anomalyAt, ruleAt, incidentAt);

        // A recording goes on whatever the router does, so the step does not help, and the next one follows.
        await SeeAt("the next step", () => stack.Router.Routes(), all => all.Any(IsBlackhole), 15, Route);

        var end = await Or(_attackEnds.Task, playing);
        Say("attack ends");
        var incident = (await incidentAt).Seen[0].GetProperty("incidentId").GetString()!;
        await See(
            "the end of the anomaly",
            () => _provider.Get($"incidents/{incident}?tenantId={_tenant}"),
            found => found.GetProperty("incident").GetProperty("endedAt").ValueKind == JsonValueKind.String,
            30);
        Say("anomaly ended; what stands is held for a while, and goes step by step");
        await SeeAt("one step back", () => stack.Router.Routes(), all => !all.Any(IsBlackhole), 60, _ => "blackhole withdrawn at the router");
        var withdrawn = await SeeAt("the withdrawal", () => stack.Router.Rules(), all => !all.Any(IsRule), 60, _ => "rule withdrawn at the router");
        await playing;
        await ShowTimeline(incident);
        return new(Seconds((await anomalyAt).At - begin), Seconds((await ruleAt).At - begin), Seconds(withdrawn.At - end), incident);
    }

    /// <summary>What a person needs to look around afterwards.</summary>
    public void ShowDoors()
    {
        output.WriteLine($"""

            Portal    {stack.Gateway}
              customer  {CustomerEmail}  {_customerPassword}
              provider  {stack.FirstOperator.Email}  {stack.FirstOperator.Password}
            API       {stack.Gateway}openapi/v1.json
            """);
    }

    public void Dispose() => _provider.Dispose();

    private async Task RegisterCustomer()
    {
        await _provider.SignIn(stack.FirstOperator.Email, stack.FirstOperator.Password);
        _tenant = await _provider.RegisterTenant("Example Customer");
        var serviceCode = await _provider.SignContract(_tenant, DeclaredBitsPerSecond, Prefix);
        await _provider.RegisterOperator(_tenant, CustomerEmail, "Example NOC", "administrator", _customerPassword);
        await _provider.RegisterExporter(ExporterAddress, "demo router");
        await See("the protected object", () => _provider.List($"protected-objects?tenantId={_tenant}"), all => all.Count > 0, 15);
        Say($"customer registered: contract {serviceCode} protects {Prefix}, {DeclaredBitsPerSecond / 1_000_000} Mbit/s");
    }

    private void Sent(TimeSpan at)
    {
        if (at >= Attack.FirstDatagramAt - TimeSpan.FromSeconds(2))
        {
            _calmEnds.TrySetResult(_clock.Elapsed);
        }

        if (at >= Attack.FirstDatagramAt)
        {
            _attackBegins.TrySetResult(_clock.Elapsed);
        }

        if (at >= Attack.LastDatagramAt)
        {
            _attackEnds.TrySetResult(_clock.Elapsed);
        }
    }

    private static bool HasSent(JsonElement exporter) =>
        exporter.GetProperty("address").GetString() == ExporterAddress && exporter.GetProperty("records").GetUInt64() > 0;

    private bool IsBlackhole(BgpRoute route) => route.Prefix == Victim && route.Communities.Contains("65535:666");

    private bool IsRule(string rule) => rule.Contains($"[destination: {Victim}]", StringComparison.Ordinal);

    private static string Anomaly(IReadOnlyList<JsonElement> all) =>
        $"anomaly: {all[0].GetProperty("target").GetString()}, {string.Join(", ", all[0].GetProperty("vectors").EnumerateArray())}";

    private string Rule(IReadOnlyList<string> all) => $"FlowSpec rule accepted by the router: {all.First(IsRule)}";

    private string Route(IReadOnlyList<BgpRoute> all) => $"the attack goes on, so the next step: blackhole accepted by the router: {all.First(IsBlackhole)}";

    private static string Incident(IReadOnlyList<JsonElement> all) => $"incident {all[0].GetProperty("incidentId").GetString()} over the API";

    private async Task ShowTimeline(string incident)
    {
        var found = await See(
            "the whole timeline",
            () => _provider.Get($"incidents/{incident}?tenantId={_tenant}"),
            seen => seen.GetProperty("timeline").EnumerateArray().Any(step => step.GetProperty("step").GetString() == "mitigation-ended"),
            10);
        Say("the incident's timeline:");
        foreach (var step in found.GetProperty("timeline").EnumerateArray())
        {
            output.WriteLine($"            {step.GetProperty("at").GetDateTimeOffset():HH:mm:ss.fff}Z  {step.GetProperty("step").GetString()}  ({step.GetProperty("actor").GetString()})");
        }
    }

    private void Say(string what) => output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_clock.Elapsed.TotalSeconds,8:0.00} s  {what}"));

    private async Task<(TimeSpan At, T Seen)> SeeAt<T>(
        string what, Func<Task<T>> observe, Func<T, bool> until, double seconds, Func<T, string> describe)
    {
        var seen = await See(what, observe, until, seconds);
        var at = _clock.Elapsed;
        Say(describe(seen));
        return (at, seen);
    }

    private async Task<T> See<T>(string what, Func<Task<T>> observe, Func<T, bool> until, double seconds)
    {
        var deadline = _clock.Elapsed + TimeSpan.FromSeconds(seconds);
        while (true)
        {
            var seen = await observe();
            if (until(seen))
            {
                return seen;
            }

            if (_clock.Elapsed > deadline)
            {
                throw new LocalStackException($"Not seen within {seconds:0} s: {what}.");
            }

            await Task.Delay(25);
        }
    }

    /// <summary>The moment, unless the player fails first.</summary>
    private static async Task<TimeSpan> Or(Task<TimeSpan> moment, Task playing)
    {
        if (await Task.WhenAny(moment, playing) == playing)
        {
            await playing;
        }

        return await moment;
    }

    private static double Seconds(TimeSpan span) => Math.Round(span.TotalSeconds, 2);
}

/// <summary>The demo's last line.</summary>
/// <param name="AnomalySeconds">From the first attack datagram until the anomaly was seen.</param>
/// <param name="RouteSeconds">From the first attack datagram until the router had the first rule.</param>
/// <param name="WithdrawnSeconds">From the last attack datagram until the router had nothing of the defence any more.</param>
/// <param name="Incident">Its id.</param>
internal sealed record DemoResult(double AnomalySeconds, double RouteSeconds, double WithdrawnSeconds, string Incident)
{
    public string ToJson() => JsonSerializer.Serialize(new
    {
        anomaly_s = AnomalySeconds,
        route_s = RouteSeconds,
        withdrawn_s = WithdrawnSeconds,
        incident = Incident,
    });
}
