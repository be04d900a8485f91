using Platform.Hosting;
using Platform.Reporting;
using Platform.Reporting.Incidents;

var builder = WebApplication.CreateBuilder(args);
builder.AddPlatform("reporting"); // telemetry, health, callers, clock
builder.AddReporting();
builder.Services.AddGrpc();

var app = builder.Build();
app.MapPlatform();
app.MapGrpcService<IncidentsService>();
return await app.RunPlatformAsync(args);
