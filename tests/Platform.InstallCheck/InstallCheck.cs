using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Extensions.Options;

namespace Platform.InstallCheck;

/// <summary>Real flow datagrams to the collector's UDP port, and each step until the incident over the REST API.</summary>
/// <remarks>
/// Leaves nothing that lives: the contract that it signs is terminated at the end, so its data goes the way of any contract's, and its exporter is removed: the
/// pod's address will be another's. Under one attack exactly one incident may appear, whatever is restarted meanwhile.
/// </remarks>
internal sealed class InstallCheck(IOptions<CheckOptions> options, TimeProvider clock, ILogger<InstallCheck> log) : IDisposable
{
    private const string Customer = "Installation check";
    private const int AttackPacketsPerSecond = 20_000;
    private const int BytesPerPacket = 1400;
    private readonly CheckOptions _check = options.Value;
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseCookies = true }) { BaseAddress = new Uri(options.Value.Gateway!, "/api/v1/") };
    private readonly IPAddress _victim = IPAddress.Parse(options.Value.Network.Replace(".0/24", ".10", StringComparison.Ordinal));
    private readonly IPAddress _nobody = IPAddress.Parse("198.19.255.20"); // of no contract: as most traffic of a router
    private volatile bool _known;
    private volatile bool _isTold;

    public async Task<int> Run()
    {
        var contract = "";
        using var stop = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => signal.Cancel = _isTold = true); // the load ends, the look at it does not
        try
        {
            _http.DefaultRequestHeaders.Add("X-Platform-Request", "1");
            await See("a session at the gateway", SignIn, _ => true);
            var tenant = await Tenant();
            contract = (await Post("contracts", new
            {
                tenantId = tenant, service = "ddos", prefixes = new[] { _check.Network }, declaredBitsPerSecond = 40_000_000L,
            })).GetProperty("serviceCode").GetString()!;
            await RegisterExporter();
            await See("the protected object", () => List($"protected-objects?tenantId={tenant}"), all => all.Any(o => Text(o, "serviceCode") == contract));
            return await Attack(tenant, contract);
        }
        catch (Exception e) when (e is CheckFailedException or HttpRequestException)
        {
            log.Result($"failed: {e.Message}");
            return 1;
        }
        finally
        {
            if (contract.Length > 0)
            {
                await SignIn(); // a gateway that was replaced meanwhile may have forgotten us
                await Post($"contracts/{contract}/termination", new { });
                if (_check.RecordsPerSecond == 0) // what was counted of a load is read afterwards
                {
                    await Delete($"exporters/{_check.SourceAddress}");
                }
            }
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<int> Attack(string tenant, string contract)
    {
        using var over = new CancellationTokenSource();
        using var flows = new Flows(_check.FlowsHost, _check.FlowsPort, clock);
        var before = LastSeen(await Exporter()); // an address may have been another check's
        var sending = Task.Run(() => Send(flows, over.Token), CancellationToken.None);
        IReadOnlyList<JsonElement> incidents = [];
        try
        {
            await See("the exporter", Exporter, seen => LastSeen(seen) != before);
            _known = true;
            incidents = await See(
                "the incident", () => List($"incidents?tenantId={tenant}"), all => all.Any(i => Text(i, "serviceCode") == contract));
            if (_check.RecordsPerSecond > 0)
            {
                await sending.WaitAsync(_check.LoadFor + _check.Patience); // ends by itself
            }
        }
        finally
        {
            await over.CancelAsync();
            await sending;
        }

        var incident = Text(incidents.First(i => Text(i, "serviceCode") == contract), "incidentId");
        await See(
            "the end of the incident",
            () =>
            {
                flows.Send(_nobody, 1, 1, 64, TimeSpan.FromMilliseconds(10)); // a router that said nothing more could not say that it is over
                return Get($"incidents/{incident}?tenantId={tenant}");
            },
            found => found.GetProperty("incident").GetProperty("endedAt").ValueKind == JsonValueKind.String);
        var ours = (await See("the incidents in all", () => List($"incidents?tenantId={tenant}"), _ => true)).Count(i => Text(i, "serviceCode") == contract);
        log.Result(JsonSerializer.Serialize(new { incidents = ours, records_sent = flows.Records }));
        return ours == 1 ? 0 : 1;
    }

    /// <summary>The attack, ten times a second, and beside it the load, evenly, once the collector knows us: until then it refuses what we send.</summary>
    private async Task Send(Flows flows, CancellationToken stop)
    {
        const int ticksPerSecond = 100;
        using var tick = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / ticksPerSecond), clock);
        var since = clock.GetTimestamp();
        var attacks = 0;
        var until = _check.RecordsPerSecond > 0 ? _check.LoadFor : TimeSpan.MaxValue;
        var load = 0L;
        TimeSpan? began = null;
        while (!stop.IsCancellationRequested && clock.GetElapsedTime(since) is var elapsed && elapsed < until && !_isTold)
        {
            for (; attacks < elapsed.TotalSeconds * 10; attacks++)
            {
                flows.Send(_victim, 1, AttackPacketsPerSecond / 10, BytesPerPacket, TimeSpan.FromMilliseconds(100));
            }

            began ??= _known ? elapsed : null;
            for (; load < (elapsed - (began ?? elapsed)).TotalSeconds * _check.RecordsPerSecond; load += Flows.RecordsPerDatagram)
            {
                flows.Send(_nobody, Flows.RecordsPerDatagram, 1, 64, TimeSpan.FromMilliseconds(10));
            }

            try
            {
                await tick.WaitForNextTickAsync(stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task<string> SignIn() => (await Post("session", new { _check.Email, _check.Password })).GetRawText();

    private async Task<string> Tenant()
    {
        var known = (await List("tenants")).FirstOrDefault(t => Text(t, "name") == Customer);
        return known.ValueKind == JsonValueKind.Object
            ? Text(known, "tenantId")
            : Text(await Post("tenants", new { name = Customer }), "tenantId");
    }

    private async Task RegisterExporter()
    {
        if ((await Exporter()).ValueKind != JsonValueKind.Object)
        {
            await Post("exporters", new { address = _check.SourceAddress, name = "installation check" });
        }
    }

    private async Task<JsonElement> Exporter() =>
        (await List("exporters?limit=1000")).FirstOrDefault(exporter => Text(exporter, "address") == _check.SourceAddress);

    private static string? LastSeen(JsonElement exporter) => exporter.GetProperty("lastSeenAt").GetString();

    private async Task<T> See<T>(string what, Func<Task<T>> observe, Func<T, bool> until)
    {
        var since = clock.GetTimestamp();
        while (true)
        {
            var last = "";
            var signedOut = false;
            try
            {
                var seen = await observe();
                if (until(seen))
                {
                    log.Seen($"{clock.GetElapsedTime(since).TotalSeconds,7:0.00} s  {what}");
                    return seen;
                }

                last = JsonSerializer.Serialize(seen);
            }
            catch (Exception e) when (e is HttpRequestException or CheckFailedException)
            {
                last = e.Message; // a gateway that is being replaced, a service that begins
                signedOut = e is CheckFailedException { SignedOut: true };
            }

            if (signedOut)
            {
                await Try(SignIn);
            }

            if (clock.GetElapsedTime(since) > _check.Patience)
            {
                log.NotSeen(what, _check.Patience, last);
                throw new CheckFailedException($"{what} was not seen.");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(250), clock);
        }
    }

    private static string Text(JsonElement item, string member) => item.GetProperty(member).GetString() ?? "";

    private async Task<IReadOnlyList<JsonElement>> List(string path) => [.. (await Get(path)).GetProperty("items").EnumerateArray()];

    private async Task<JsonElement> Get(string path)
    {
        using var answer = await _http.GetAsync(new Uri(path, UriKind.Relative));
        return await Read(answer);
    }

    private async Task<JsonElement> Post(string path, object body)
    {
        using var answer = await _http.PostAsJsonAsync(path, body, JsonSerializerOptions.Web);
        return await Read(answer);
    }

    private async Task Delete(string path)
    {
        using var answer = await _http.DeleteAsync(new Uri(path, UriKind.Relative));
        await Read(answer);
    }

    private static async Task<JsonElement> Read(HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode
            ? text.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(text)
            : throw new CheckFailedException($"{answer.RequestMessage?.Method} {answer.RequestMessage?.RequestUri} answered {(int)answer.StatusCode}: {text}")
            {
                SignedOut = answer.StatusCode == HttpStatusCode.Unauthorized,
            };
    }

    private static async Task Try(Func<Task> attempt)
    {
        try
        {
            await attempt();
        }
        catch (Exception e) when (e is HttpRequestException or CheckFailedException)
        {
            // The next look will say.
        }
    }
}

/// <summary>The installation did not do what it promises; the message says what.</summary>
internal sealed class CheckFailedException(string message) : Exception(message)
{
    public bool SignedOut { get; init; }
}
