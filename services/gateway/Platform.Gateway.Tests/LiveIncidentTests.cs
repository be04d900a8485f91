using Platform.Contracts.Reporting.V1;
using Platform.EventStore;
using Platform.Gateway.Incidents;
using Platform.Hosting;
using Platform.Testing;

namespace Platform.Gateway.Tests;

/// <summary>Server-sent events; see <see cref="WhenIncidentChanged"/>.</summary>
[Collection(nameof(AGateway))]
public sealed class LiveIncidentTests(AGateway gateway)
{
    [Fact]
    public async Task An_open_page_hears_its_own_tenants_incidents_and_the_provider_hears_all()
    {
        var (one, other) = (await gateway.ATenant(), await gateway.ATenant());
        using var customer = await gateway.SignedIn(one, Roles.Viewer);
        using var provider = await gateway.AProviderOperator();
        await using var customersPage = await Page.Open(customer, "incidents/events");
        await using var providersPage = await Page.Open(provider, "incidents/events");
        await using var narrowed = await Page.Open(provider, $"incidents/events?tenantId={one}");
        Assert.Equal("text/event-stream", customersPage.ContentType);

        var (foreign, own) = (AStep(other), AStep(one));
        await gateway.Publish(foreign); // wrong order and twice do no harm: a page asks for the content
        await gateway.Publish(own);
        await gateway.Publish(own);

        await customersPage.Hears(own.IncidentId);
        await narrowed.Hears(own.IncidentId);
        await providersPage.Hears(own.IncidentId);
        await providersPage.Hears(foreign.IncidentId);
        Assert.DoesNotContain(customersPage.Lines, line => line.Contains(foreign.IncidentId.ToString(), StringComparison.Ordinal));
        Assert.DoesNotContain(narrowed.Lines, line => line.Contains(foreign.IncidentId.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_real_anomaly_reaches_the_open_page()
    {
        var tenant = await gateway.ATenant();
        using var customer = await gateway.SignedIn(tenant);
        await using var page = await Page.Open(customer, "incidents/events");
        var incident = gateway.NewId();

        await gateway.Publish(TenantIsolationTests.AnAnomaly(gateway, tenant, incident));

        await page.Hears(incident);
    }

    [Fact]
    public async Task Silence_is_filled_with_heartbeats_and_ends_with_the_session()
    {
        var tenant = await gateway.ATenant();
        await gateway.AnOperator(tenant);
        var (id, email) = await gateway.AnOperator(tenant, Roles.Viewer);
        using var browser = gateway.ABrowser();
        await browser.SignIn(email, AGateway.Password);
        await using var page = await Page.Open(browser, "incidents/events");

        await Eventually.True(() =>
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(5));
            return page.Lines.Contains(":");
        });
        await new Platform.Contracts.Grpc.Accounts.V1.Operators.OperatorsClient(gateway.Accounts.Channel).DeleteOperatorAsync(
            new() { OperatorId = id }, gateway.Accounts.As(tenant, Roles.Administrator), cancellationToken: TestContext.Current.CancellationToken);

        await Eventually.True(() =>
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(5));
            return page.Ended;
        });
    }

    private IncidentChanged AStep(TenantId tenant) => new()
    {
        TenantId = tenant.ToGuid(),
        ServiceCode = "DP00000001",
        IncidentId = gateway.NewId(),
        Step = "anomaly-detected",
        Status = "open",
        ChangedAt = gateway.Clock.GetUtcNow(),
    };

    private sealed class Page(HttpResponseMessage answer) : IAsyncDisposable
    {
        private readonly List<string> _lines = [];
        private readonly CancellationTokenSource _closed = new();
        private Task _reading = Task.CompletedTask;

        public string? ContentType => answer.Content.Headers.ContentType?.MediaType;

        public bool Ended => _reading.IsCompleted;

        public IReadOnlyList<string> Lines
        {
            get
            {
                lock (_lines)
                {
                    return [.. _lines];
                }
            }
        }

        public static async Task<Page> Open(Browser browser, string path)
        {
            var answer = await browser.Http.GetAsync(
                "/api/v1/" + path, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
            Assert.Equal(200, (int)answer.StatusCode);
            var page = new Page(answer);
            page._reading = page.Read();
            await Eventually.True(() => page.Lines.Count > 0); // subscribed before it says so
            return page;
        }

        public Task<IReadOnlyList<string>> Hears(Guid incident) => Eventually.Get(
            () => Lines, lines => lines.Any(line => line.StartsWith("data: ", StringComparison.Ordinal) && line.Contains(incident.ToString(), StringComparison.Ordinal)));

        public async ValueTask DisposeAsync()
        {
            await _closed.CancelAsync();
            await _reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            answer.Dispose();
            _closed.Dispose();
        }

        private async Task Read()
        {
            using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(_closed.Token));
            while (await reader.ReadLineAsync(_closed.Token) is { } line)
            {
                lock (_lines)
                {
                    _lines.Add(line);
                }
            }
        }
    }
}
