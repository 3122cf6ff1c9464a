"""Which pages there are for people: the payer's page, the dashboard, and what both load."""

from afriflow.web import brand, link, live, pay, sign_in, welcome
from afriflow.web.assets import give_asset
from afriflow.web.dashboard import PaymentList
from afriflow.web.dashboard_account import AccountPages
from afriflow.web.dashboard_approvals import ApprovalPages
from afriflow.web.dashboard_audit_log import AuditLogPages
from afriflow.web.dashboard_desk import DecisionPages, JobPages
from afriflow.web.dashboard_endpoint import EndpointPages
from afriflow.web.dashboard_export import ExportPages
from afriflow.web.dashboard_keys import KeyPages
from afriflow.web.dashboard_links import LinkPages
from afriflow.web.dashboard_me import OwnPages
from afriflow.web.dashboard_notifications import NotificationPages
from afriflow.web.dashboard_out import MoneyOutPages
from afriflow.web.dashboard_overview import OverviewPages
from afriflow.web.dashboard_payment import PaymentPages
from afriflow.web.dashboard_provider import ProviderPage
from afriflow.web.dashboard_queue import QueuePages
from afriflow.web.dashboard_routing import RoutingPages, RulePages
from afriflow.web.dashboard_settings import SettingsPages
from afriflow.web.dashboard_setup import ProviderPages
from afriflow.web.dashboard_team import TeamPages
from afriflow.web.dashboard_views import ViewPages
from afriflow.web.dashboard_webhooks import WebhookPages

PAGES = [
    give_asset,
    brand.give_accent,
    brand.give_logo,
    pay.show,
    pay.give,
    pay.state,
    pay.come_back,
    link.show_link_page,
    link.go_on,
    link.draw,
    sign_in.to_dashboard,
    sign_in.show_sign_in,
    sign_in.come_in,
    sign_in.show_code,
    sign_in.give_code,
    sign_in.go_out,
    sign_in.switch_mode,
    welcome.show_welcome,
    welcome.set_password,
    OverviewPages,
    PaymentList,
    live.tell_changes,
    PaymentPages,
    ViewPages,
    ExportPages,
    QueuePages,
    MoneyOutPages,
    ApprovalPages,
    ProviderPages,
    ProviderPage,
    AccountPages,
    RoutingPages,
    RulePages,
    WebhookPages,
    EndpointPages,
    NotificationPages,
    KeyPages,
    LinkPages,
    DecisionPages,
    JobPages,
    AuditLogPages,
    TeamPages,
    OwnPages,
    SettingsPages,
]
