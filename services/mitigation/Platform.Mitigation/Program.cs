using Platform.Hosting;
using Platform.Mitigation;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Capacity;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Scrubbers;

var builder = WebApplication.CreateBuilder(args);
builder.AddPlatform("mitigation"); // telemetry, health, callers, clock
builder.AddMitigation(); // consumers, views, the reconciler
builder.Services.AddGrpc();

var app = builder.Build();
app.MapPlatform();
app.MapGrpcService<MitigationsService>();
app.MapGrpcService<ScrubbersService>();
app.MapGrpcService<CapacityService>();
app.MapGrpcService<SpeakersService>();
return await app.RunPlatformAsync(args);
