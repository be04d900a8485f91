using Platform.Hosting;
using Platform.Mitigation;
using Platform.Mitigation.Mitigations;

var builder = WebApplication.CreateBuilder(args);
builder.AddPlatform("mitigation"); // telemetry, health, callers, clock
builder.AddMitigation(); // consumers, views, the reconciler
builder.Services.AddGrpc();

var app = builder.Build();
app.MapPlatform();
app.MapGrpcService<MitigationsService>();
return await app.RunPlatformAsync(args);
