using Grpc.Core;
using NodaTime;
using Platform.EventStore;
using Platform.Hosting;
using static Platform.Reporting.Tests.AReportingService;
using Wire = Platform.Contracts.Grpc.Reporting.V1;

namespace Platform.Reporting.Tests.Incidents;

public sealed class ListIncidentsTests(AReportingService service) : IClassFixture<AReportingService>
{
    [Fact]
    public async Task A_customer_sees_the_own_incidents_and_the_provider_all()
    {
        var (ours, theirs) = (await AnIncidentOf(Acme, "DP00000001"), await AnIncidentOf(Borg, "DP00000002"));

        Assert.Equal([ours], await List(Acme, Roles.Viewer, about: [ours, theirs]));
        Assert.Equal([theirs], await List(Borg, Roles.Viewer, about: [ours, theirs]));
        Assert.Equal([theirs, ours], await List(TenantId.Provider, Roles.ProviderAuditor, about: [ours, theirs]));
        Assert.Equal(
            [theirs], await List(TenantId.Provider, Roles.ProviderOperator, new() { TenantId = Borg.Value }, about: [ours, theirs]));
    }

    [Fact]
    public async Task A_customer_who_names_another_tenant_is_told_that_there_is_none() =>
        await Refused(StatusCode.NotFound, "tenant-not-found", new() { TenantId = Borg.Value });

    [Fact]
    public async Task A_service_code_narrows_the_list()
    {
        var (first, second) = (await AnIncidentOf(Acme, "DP00000011"), await AnIncidentOf(Acme, "DP00000012"));

        Assert.Equal([first], await List(Acme, Roles.Viewer, new() { ServiceCode = "DP00000011" }, about: [first, second]));
    }

    [Fact]
    public async Task Pages_follow_each_other_newest_first_without_gap_or_overlap()
    {
        var incidents = new List<Guid>();
        for (var i = 0; i < 5; i++)
        {
            incidents.Add(await AnIncidentOf(Acme, "DP00000021"));
        }

        var request = new Wire.ListIncidentsRequest { ServiceCode = "DP00000021", PageSize = 2 };
        var pages = new List<string[]>();
        do
        {
            var page = await Client.ListIncidentsAsync(
                request, service.Host.As(Acme, Roles.Viewer), cancellationToken: TestContext.Current.CancellationToken);
            pages.Add([.. page.Incidents.Select(incident => incident.IncidentId)]);
            request.PageToken = page.NextPageToken;
        }
        while (request.PageToken.Length > 0);

        Assert.Equal([2, 2, 1], pages.Select(page => page.Length));
        Assert.Equal(incidents.AsEnumerable().Reverse().Select(id => id.ToString()), pages.SelectMany(page => page));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(201)]
    public async Task A_page_size_out_of_range_is_refused(int pageSize) =>
        await Refused(StatusCode.InvalidArgument, "page-size-out-of-range", new() { PageSize = pageSize });

    [Fact]
    public async Task A_page_token_from_elsewhere_is_refused() =>
        await Refused(StatusCode.InvalidArgument, "page-token-invalid", new() { PageToken = "AAAA" });

    [Fact]
    [Trait("Requirement", "R33")]
    [Trait("Requirement", "R35")]
    public async Task An_incident_is_shown_for_90_days_including_its_own_and_gone_at_midnight_in_Japan()
    {
        foreach (var (detected, gone) in new[]
        {
            ("2031-01-01T15:00:00Z", "2031-04-01T15:00:00Z"), // first instant of 2 January in Japan: gone on 2 April
            ("2031-06-02T14:59:59Z", "2031-08-30T15:00:00Z"), // last second of 2 June: gone on 31 August
            ("2031-12-05T03:00:00Z", "2032-03-03T15:00:00Z"), // noon of 5 December: gone on 4 March, after 29 February
        })
        {
            var (detectedAt, goneAt) = (Instant(detected), Instant(gone));
            Assert.Equal(90, Period.DaysBetween(JapanCalendar.DayOf(detectedAt), JapanCalendar.DayOf(goneAt)));
            service.Clock.AdvanceTo(detectedAt);
            var incident = await AnIncidentOf(Acme, "DP00000031", detectedAt);

            service.Clock.AdvanceTo(goneAt.AddSeconds(-1));
            Assert.Equal([incident], await List(Acme, Roles.Viewer, about: [incident]));
            Assert.NotEmpty((await Get(incident)).Timeline);

            service.Clock.AdvanceTo(goneAt);
            Assert.Empty(await List(Acme, Roles.Viewer, about: [incident]));
            var refused = await Assert.ThrowsAsync<RpcException>(() => Get(incident));
            Assert.Equal("incident-not-found", refused.Trailers.GetValue("platform-code"));
        }
    }

    private Wire.Incidents.IncidentsClient Client => new(service.Host.Channel);

    private async Task<Guid> AnIncidentOf(TenantId tenant, string serviceCode, DateTimeOffset? detectedAt = null)
    {
        service.Clock.Advance(TimeSpan.FromMilliseconds(1)); // each is detected after the one before
        var facts = new Facts(tenant, serviceCode, service.NewId(), detectedAt ?? service.Clock.GetUtcNow());
        await service.Host.Deliver(facts.Detected, service.NewId());
        await service.Host.CatchUp();
        return facts.AnomalyId;
    }

    private async Task<Guid[]> List(TenantId tenant, string role, Wire.ListIncidentsRequest? request = null, Guid[]? about = null)
    {
        var answer = await Client.ListIncidentsAsync(request ?? new(), service.Host.As(tenant, role));
        return [.. answer.Incidents.Select(incident => Guid.Parse(incident.IncidentId)).Where(id => about is null || about.Contains(id))];
    }

    private async Task<Wire.GetIncidentResponse> Get(Guid incident) => await Client.GetIncidentAsync(
        new Wire.GetIncidentRequest { IncidentId = incident.ToString() }, service.Host.As(Acme, Roles.Viewer));

    private async Task Refused(StatusCode status, string code, Wire.ListIncidentsRequest request)
    {
        var refused = await Assert.ThrowsAsync<RpcException>(() => List(Acme, Roles.Viewer, request));
        Assert.Equal((status, code), (refused.StatusCode, refused.Trailers.GetValue("platform-code")));
    }

    private static DateTimeOffset Instant(string text) => DateTimeOffset.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
}
